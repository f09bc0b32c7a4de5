#include "textflag.h"

#define SYS_prctl 167
#define SYS_prlimit64 261
#define PR_SET_TIMERSLACK 29
#define PR_GET_TIMERSLACK 30
#define RLIMIT_NOFILE 7

// The process starts here, as at _rt0_arm64_linux. What it does is explained in
// entry_linux_amd64.s.
TEXT credhelper_entry(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$SYS_prctl, R8
	MOVD	$PR_GET_TIMERSLACK, R0
	SVC
	MOVD	R0, ·slack(SB)
	CMP	$0, R0
	BLE	limit
	MOVD	$SYS_prctl, R8
	MOVD	$PR_SET_TIMERSLACK, R0
	MOVD	$20000000, R1
	SVC
limit:
	MOVD	$SYS_prlimit64, R8
	MOVD	$0, R0
	MOVD	$RLIMIT_NOFILE, R1
	MOVD	$0, R2
	MOVD	$·files(SB), R3
	SVC
	MOVD	·files+8(SB), R0
	MOVD	R0, few<>+8(SB)
	MOVD	$SYS_prlimit64, R8
	MOVD	$0, R0
	MOVD	$RLIMIT_NOFILE, R1
	MOVD	$few<>(SB), R2
	MOVD	$0, R3
	SVC

	MOVD	0(RSP), R0
	ADD	$8, RSP, R2
	ADD	R0<<3, R2
next:
	ADD	$8, R2
	MOVD	(R2), R0
	CBNZ	R0, next
	MOVD	RSP, R1
move:
	MOVD	(R1), R0
	MOVD	R0, -16(R1)
	ADD	$8, R1
	CMP	R1, R2
	BNE	move
	MOVD	$oneProcessor<>(SB), R0
	MOVD	R0, -16(R2)
	MOVD	R0, -8(R2)
	SUB	$16, RSP
	JMP	_rt0_arm64_linux(SB)

// func setFiles(limit *[2]uintptr)
TEXT ·setFiles(SB), NOSPLIT, $0-8
	MOVD	$SYS_prlimit64, R8
	MOVD	$0, R0
	MOVD	$RLIMIT_NOFILE, R1
	MOVD	limit+0(FP), R2
	MOVD	$0, R3
	SVC
	RET

// func setSlack(slack uintptr)
TEXT ·setSlack(SB), NOSPLIT, $0-8
	MOVD	$SYS_prctl, R8
	MOVD	$PR_SET_TIMERSLACK, R0
	MOVD	slack+0(FP), R1
	SVC
	RET

DATA oneProcessor<>+0(SB)/8, $"GOMAXPRO"
DATA oneProcessor<>+8(SB)/8, $"CS=+1\x00\x00\x00"
GLOBL oneProcessor<>(SB), RODATA|NOPTR, $16

DATA few<>+0(SB)/8, $3
DATA few<>+8(SB)/8, $0
GLOBL few<>(SB), NOPTR, $16

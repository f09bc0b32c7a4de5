#include "textflag.h"

#define SYS_prctl 157
#define SYS_prlimit64 302
#define PR_SET_TIMERSLACK 29
#define PR_GET_TIMERSLACK 30
#define RLIMIT_NOFILE 7

// The process starts here, as at _rt0_amd64_linux: the number of arguments is at 0(SP),
// their pointers follow, then 0, the pointers of the environment, 0, the auxiliary vector.
TEXT credhelper_entry(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	// slack = prctl(PR_GET_TIMERSLACK); prctl(PR_SET_TIMERSLACK, 20 ms), unless it is not told
	MOVL	$SYS_prctl, AX
	MOVL	$PR_GET_TIMERSLACK, DI
	SYSCALL
	MOVQ	AX, ·slack(SB)
	TESTQ	AX, AX
	JLE	limit
	MOVL	$SYS_prctl, AX
	MOVL	$PR_SET_TIMERSLACK, DI
	MOVL	$20000000, SI
	SYSCALL

limit:
	// prlimit64(0, RLIMIT_NOFILE, 0, &files); few[1] = files[1]; prlimit64(0, RLIMIT_NOFILE, &few, 0)
	MOVL	$SYS_prlimit64, AX
	XORL	DI, DI
	MOVL	$RLIMIT_NOFILE, SI
	XORL	DX, DX
	LEAQ	·files(SB), R10
	SYSCALL
	MOVQ	·files+8(SB), AX
	MOVQ	AX, few<>+8(SB)
	MOVL	$SYS_prlimit64, AX
	LEAQ	few<>(SB), DX
	XORL	R10, R10
	SYSCALL

	// Move all up to the 0 behind the environment down by two places, and put the variable
	// there, twice: the stack stays aligned to 16 bytes, and Go takes the first of two.
	MOVQ	0(SP), CX
	LEAQ	8(SP)(CX*8), DX
next:
	ADDQ	$8, DX
	CMPQ	0(DX), $0
	JNE	next
	MOVQ	SP, SI
move:
	MOVQ	0(SI), AX
	MOVQ	AX, -16(SI)
	ADDQ	$8, SI
	CMPQ	SI, DX
	JNE	move
	LEAQ	oneProcessor<>(SB), AX
	MOVQ	AX, -16(DX)
	MOVQ	AX, -8(DX)
	SUBQ	$16, SP
	JMP	_rt0_amd64_linux(SB)

// func setFiles(limit *[2]uintptr)
TEXT ·setFiles(SB), NOSPLIT, $0-8
	MOVL	$SYS_prlimit64, AX
	XORL	DI, DI
	MOVL	$RLIMIT_NOFILE, SI
	MOVQ	limit+0(FP), DX
	XORL	R10, R10
	SYSCALL
	RET

// func setSlack(slack uintptr)
TEXT ·setSlack(SB), NOSPLIT, $0-8
	MOVL	$SYS_prctl, AX
	MOVL	$PR_SET_TIMERSLACK, DI
	MOVQ	slack+0(FP), SI
	SYSCALL
	RET

DATA oneProcessor<>+0(SB)/8, $"GOMAXPRO"
DATA oneProcessor<>+8(SB)/8, $"CS=+1\x00\x00\x00"
GLOBL oneProcessor<>(SB), RODATA|NOPTR, $16

DATA few<>+0(SB)/8, $3
DATA few<>+8(SB)/8, $0
GLOBL few<>(SB), NOPTR, $16

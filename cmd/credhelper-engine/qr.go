package main

import (
	"strings"

	"rsc.io/qr"
)

// quiet is the width of the light border that a reader needs around a code. ISO/IEC
// 18004 requires four modules; two are enough for phones, and many terminals are
// narrow.
const quiet = 2

// qr draws text as a QR code, two modules per character, for terminals with half
// blocks. It returns "" for others, and for a text that is too long. It draws the light
// modules and sets both colours, so that a code is right on dark terminals too.
func (c screen) qr(text string) string {
	if !c.bars {
		return ""
	}
	return drawQR(text, c.colour)
}

func drawQR(text string, colour bool) string {
	code, err := qr.Encode(text, qr.L)
	if err != nil || code.Size > 80 {
		return ""
	}
	dark := func(x, y int) bool { return x >= 0 && y >= 0 && x < code.Size && y < code.Size && code.Black(x, y) }
	var out strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		if colour {
			out.WriteString("\x1b[37;40m") // light blocks on a dark background, whatever the theme
		}
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := dark(x, y), dark(x, y+1); {
			case upper && lower:
				out.WriteByte(' ')
			case upper:
				out.WriteString("\u2584")
			case lower:
				out.WriteString("\u2580")
			default:
				out.WriteString("\u2588")
			}
		}
		if colour {
			out.WriteString("\x1b[0m")
		}
		out.WriteByte('\n')
	}
	return out.String()
}

package notify

import "unicode/utf16"

// What one SMS holds (3GPP TS 23.038 and 23.040): 140 bytes, less a header of 6 (7-bit: 7
// characters) in each part of a longer one.
const (
	gsmSingle, gsmPart = 160, 153
	ucsSingle, ucsPart = 70, 67
)

const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€" // an escape each
)

var gsmWidth = gsmTable()

func gsmTable() map[rune]int {
	table := make(map[rune]int, 140)
	for _, r := range gsmBasic {
		table[r] = 1
	}
	for _, r := range gsmExtended {
		table[r] = 2
	}
	return table
}

// Size is how an SMS is billed.
type Size struct {
	Encoding string // "GSM-7" or "UCS-2"
	Units    int    // septets, or UTF-16 code units
	Segments int
}

// SizeOf measures a text as an SMS.
func SizeOf(text string) Size {
	septets := 0
	for _, r := range text {
		width, ok := gsmWidth[r]
		if !ok {
			units := len(utf16.Encode([]rune(text)))
			return Size{"UCS-2", units, parts(units, ucsSingle, ucsPart)}
		}
		septets += width
	}
	return Size{"GSM-7", septets, parts(septets, gsmSingle, gsmPart)}
}

func parts(units, single, part int) int {
	if units <= single {
		return 1
	}
	return (units + part - 1) / part
}

package channel

import "strings"

// Class is what texts of a format are made of: a number of characters within bounds, each
// of them one of a few. A regular expression says the same, at some ten times the cost, and
// a callback has half a dozen of such texts.
type Class struct {
	chars    [128]bool
	min, max int
}

// NewClass takes the characters as a regular expression has them within brackets, ranges
// as "a-z", a hyphen at the end as itself; all are ASCII, and nothing is escaped.
func NewClass(chars string, shortest, longest int) *Class {
	c := &Class{min: shortest, max: longest}
	for i := 0; i < len(chars); i++ {
		first, last := chars[i], chars[i]
		if strings.HasPrefix(chars[i+1:], "-") && i+2 < len(chars) {
			last = chars[i+2]
			i += 2
		}
		for b := first; b <= last; b++ {
			c.chars[b] = true
		}
	}
	return c
}

// MatchString reports whether the whole of s is of the class.
func (c *Class) MatchString(s string) bool {
	if len(s) < c.min || len(s) > c.max {
		return false
	}
	for i := range len(s) {
		if s[i] >= byte(len(c.chars)) || !c.chars[s[i]] {
			return false
		}
	}
	return true
}

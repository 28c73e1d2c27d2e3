package config

import (
	"fmt"
	"strings"
)

// Error lists everything that is wrong with a configuration.
type Error struct {
	Problems []string // each begins with the name of its setting
}

func (e *Error) Error() string {
	return "configuration: " + strings.Join(e.Problems, "; ")
}

// problems collects what is wrong, so that one start shows all of it.
type problems struct {
	list []string
}

func (p *problems) add(setting, format string, args ...any) {
	p.list = append(p.list, setting+" "+fmt.Sprintf(format, args...))
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &Error{Problems: p.list}
}

// isOn reads a switch; unsaid is what it is where nothing is said.
func (p *problems) isOn(setting, value string, unsaid bool) bool {
	switch value {
	case "on":
		return true
	case "":
		return unsaid
	case "off":
	default:
		p.add(setting, "must be on or off")
	}
	return false
}

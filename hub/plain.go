package hub

import "bytes"

// readPlain reads the JSON that clients write: one object of known fields, strings without
// escapes and whole numbers. It reports false for anything else, which encoding/json has to
// read or to name the fault of. What it accepts it reads as that would, in a tenth of the
// time. The text is valid UTF-8.
func (f *clientFrame) readPlain(b []byte) bool {
	p := plain(b)
	if !p.eat('{') {
		return false
	}
	for {
		name, ok := p.text()
		if !ok || !p.eat(':') || !f.readField(string(name), &p) {
			return false
		}
		if p.eat('}') {
			return len(p.space()) == 0
		}
		if !p.eat(',') {
			return false
		}
	}
}

func (f *clientFrame) readField(name string, p *plain) bool {
	switch name {
	case "type":
		return p.textInto(&f.Type)
	case "topic":
		return p.textInto(&f.Topic)
	case "token":
		return p.textInto(&f.Token)
	case "name":
		return p.textInto(&f.Name)
	case "after":
		return p.numberInto(&f.After)
	case "seq":
		return p.numberInto(&f.Seq)
	}
	return false
}

// plain is what is left of a text.
type plain []byte

func (p *plain) space() plain {
	*p = bytes.TrimLeft(*p, " \t\r\n")
	return *p
}

func (p *plain) eat(c byte) bool {
	if rest := p.space(); len(rest) > 0 && rest[0] == c {
		*p = rest[1:]
		return true
	}
	return false
}

func (p *plain) text() ([]byte, bool) {
	if !p.eat('"') {
		return nil, false
	}
	for i, c := range *p {
		switch {
		case c == '"':
			text := (*p)[:i]
			*p = (*p)[i+1:]
			return text, true
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

func (p *plain) textInto(into *string) bool {
	text, ok := p.text()
	*into = string(text)
	return ok
}

// numberInto reads up to 18 digits, which no int64 is too small for.
func (p *plain) numberInto(into *int64) bool {
	const most = 18
	rest, n := p.space(), 0
	*into = 0
	for ; n < len(rest) && n <= most && rest[n] >= '0' && rest[n] <= '9'; n++ {
		*into = *into*10 + int64(rest[n]-'0')
	}
	*p = rest[n:]
	return n == 1 || n > 1 && n <= most && rest[0] != '0'
}

package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// Template is the wording of one message in one language. Channel and brand narrow it:
// the narrowest that fits is used.
type Template struct {
	Name     string // notice, or notice and "_located"
	Language string
	Channel  Channel // "" = all
	Brand    string  // "" = all
	Version  int
	Title    string
	Body     string
	Short    string // for SMS; "" = the body
	// Provider templates by provider name: what has been approved there.
	Providers map[string]ProviderTemplate
}

// ProviderTemplate is how a provider knows a template.
type ProviderTemplate struct {
	ID       string          `json:"id" yaml:"id"`
	Params   []ProviderParam `json:"params,omitempty" yaml:"params"`
	Approval Approval        `json:"approval" yaml:"approval"`
}

// ProviderParam maps a variable of ours to one of the provider's.
type ProviderParam struct {
	Name string `json:"name" yaml:"name"`
	Var  string `json:"var" yaml:"var"`
}

// Approval is how far a provider has got with a template.
type Approval string

// The approval states. Only approved ones are sent.
const (
	ApprovalPending  Approval = "pending"
	ApprovalApproved Approval = "approved"
	ApprovalRejected Approval = "rejected"
)

// located marks the templates that say that the cause was found. They are used only when
// the diagnosis allows it, and no other template may say so.
const located = "_located"

// claims are words that only a located template may use.
var claims = []string{"已定位", "原因已找到", "已经找到", "已找到", "found the cause", "found what", "found the problem", "located"}

// MaxSegments bounds an SMS text: beyond it phones show it in pieces, out of order.
const MaxSegments = 6

// maxTemplate bounds a text in bytes.
const maxTemplate = 8 << 10

// compiled is a template that was checked.
type compiled struct {
	Template
	origin             Origin
	notice             Notice
	title, body, short *template.Template
}

// TemplateError says which template is wrong, and why.
type TemplateError struct {
	Template string // "delayed/zh-CN"
	Reason   string
}

func (e *TemplateError) Error() string { return "template " + e.Template + ": " + e.Reason }

// templateKey is what there is one template in force of.
type templateKey struct {
	name, language string
	channel        Channel
	brand          string
}

func (t Template) key() templateKey { return templateKey{t.Name, t.Language, t.Channel, t.Brand} }

func (t Template) label() string {
	parts := []string{t.Name, t.Language, string(t.Channel), t.Brand}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}

// Reference names a template in records and messages: what it narrows to stands in it.
func (t Template) Reference() string {
	parts := []string{t.Name, string(t.Channel), t.Brand}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}

func compile(t Template) (*compiled, error) {
	fail := func(format string, args ...any) (*compiled, error) {
		return nil, &TemplateError{t.label(), fmt.Sprintf(format, args...)}
	}
	c := &compiled{Template: t, notice: Notice(strings.TrimSuffix(t.Name, located))}
	vars, ok := noticeVars[c.notice]
	switch {
	case !ok:
		return fail("there is no notice %q", c.notice)
	case t.Channel != "" && !slices.Contains(Channels, t.Channel):
		return fail("there is no channel %q", t.Channel)
	case strings.TrimSpace(t.Title) == "" || strings.TrimSpace(t.Body) == "":
		return fail("title and body must be there")
	}
	for _, part := range []struct {
		name, text string
		into       **template.Template
	}{{"title", t.Title, &c.title}, {"body", t.Body, &c.body}, {"short", t.Short, &c.short}} {
		if len(part.text) > maxTemplate {
			return fail("%s must have at most %d bytes", part.name, maxTemplate)
		}
		parsed, names, err := parseText(part.text)
		if err != nil {
			return fail("%s: %v", part.name, err)
		}
		*part.into = parsed
		for _, use := range names {
			if !slices.Contains(vars.may, use.name) {
				return fail("%s uses {{.%s}}, which is not told in %s", part.name, use.name, c.notice)
			}
			if use.printed && kinds[use.name] == KindFlag {
				return fail("%s prints {{.%s}}, which is a yes or no: ask for it with if", part.name, use.name)
			}
		}
		if !strings.HasSuffix(t.Name, located) && claimsCause(part.text) {
			return fail("%s says that the cause was found, which only %s%s may", part.name, c.notice, located)
		}
	}
	return c, c.try()
}

func claimsCause(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(claims, func(claim string) bool { return strings.Contains(text, claim) })
}

var errForm = errors.New("only {{.Variable}}, if, else, and, or, not are allowed")

// use is one place where a text names a variable.
type use struct {
	name    string
	printed bool // else it is only asked for
}

// parseText parses a text and returns the variables in it. Anything but variables and
// conditions is refused: a text is no program.
func parseText(text string) (*template.Template, []use, error) {
	parsed, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	if len(parsed.Templates()) > 1 {
		return nil, nil, errForm
	}
	if parsed.Tree == nil {
		return parsed, nil, nil
	}
	uses, err := variables(parsed.Root)
	return parsed, uses, err
}

// variables walks a tree.
func variables(node parse.Node) (uses []use, err error) {
	list := func(nodes ...parse.Node) {
		for _, n := range nodes {
			more, problem := variables(n)
			uses = append(uses, more...)
			err = errors.Join(err, problem)
		}
	}
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			list(n.Nodes...)
		}
	case *parse.TextNode, *parse.CommentNode:
	case *parse.ActionNode:
		return printed(n.Pipe)
	case *parse.IfNode:
		list(n.Pipe, n.List, n.ElseList)
	case *parse.PipeNode:
		if len(n.Decl) > 0 || len(n.Cmds) != 1 {
			return nil, errForm
		}
		list(n.Cmds[0].Args...)
	case *parse.IdentifierNode:
		if !slices.Contains([]string{"and", "or", "not"}, n.Ident) {
			return nil, errForm
		}
	case *parse.FieldNode:
		if len(n.Ident) != 1 {
			return nil, errForm
		}
		uses = append(uses, use{name: n.Ident[0]})
	default:
		return nil, errForm
	}
	return uses, err
}

// printed reads {{.Variable}}, which is all that is printed.
func printed(pipe *parse.PipeNode) ([]use, error) {
	if len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return nil, errForm
	}
	field, ok := pipe.Cmds[0].Args[0].(*parse.FieldNode)
	if !ok || len(field.Ident) != 1 {
		return nil, errForm
	}
	return []use{{field.Ident[0], true}}, nil
}

// try renders the template with samples, so that what fails or grows too long does so now
// and not when a payer waits.
func (c *compiled) try() error {
	for _, v := range samples() {
		text, err := c.render(v)
		if err != nil {
			return &TemplateError{c.label(), err.Error()}
		}
		if size := SizeOf(text.Short); (c.Channel == SMS || c.Channel == "") && size.Segments > MaxSegments {
			return &TemplateError{c.label(), fmt.Sprintf("the SMS has %d parts, at most %d are sent: short is what it says", size.Segments, MaxSegments)}
		}
		if name := c.lacks(text, v); name != "" {
			return &TemplateError{c.label(), fmt.Sprintf("{{.%s}} is missing", name)}
		}
	}
	return c.checkProviders()
}

// lacks returns the variable that one of the texts must tell and does not.
func (c *compiled) lacks(text Rendered, v Vars) string {
	values := v.values()
	for _, name := range noticeVars[c.notice].must {
		if !strings.Contains(text.Title+text.Body, values[name]) || !strings.Contains(text.Short, values[name]) {
			return name
		}
	}
	return ""
}

func (c *compiled) checkProviders() error {
	for provider, p := range c.Providers {
		if p.ID == "" {
			return &TemplateError{c.label(), "providers." + provider + ": id must be there"}
		}
		if !slices.Contains([]Approval{ApprovalPending, ApprovalApproved, ApprovalRejected}, p.Approval) {
			return &TemplateError{c.label(), "providers." + provider + ": approval must be pending, approved or rejected"}
		}
		for _, param := range p.Params {
			if !slices.Contains(noticeVars[c.notice].may, param.Var) {
				return &TemplateError{c.label(), fmt.Sprintf("providers.%s uses %s, which is not told in %s", provider, param.Var, c.notice)}
			}
			if kinds[param.Var] == KindFlag {
				return &TemplateError{c.label(), fmt.Sprintf("providers.%s uses %s, which is a yes or no", provider, param.Var)}
			}
		}
	}
	return nil
}

// Rendered is a text in all its forms.
type Rendered struct {
	Title, Body, Short string
}

func (c *compiled) render(v Vars) (Rendered, error) {
	var r Rendered
	for _, part := range []struct {
		from *template.Template
		into *string
	}{{c.title, &r.Title}, {c.body, &r.Body}, {c.short, &r.Short}} {
		var b strings.Builder
		if part.from.Tree != nil {
			if err := part.from.Execute(&b, v); err != nil {
				return Rendered{}, fmt.Errorf("render: %w", err)
			}
		}
		*part.into = strings.TrimSpace(b.String())
	}
	if r.Short == "" {
		r.Short = r.Body
	}
	return r, nil
}

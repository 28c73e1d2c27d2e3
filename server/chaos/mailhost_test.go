package chaos

import (
	"context"
	"io"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"

	"anxin/engine/notify"
)

// mailhost is the merchant's mail server. A mail that it takes twice is in the mailbox
// twice.
type mailhost struct {
	w      *world
	server *smtp.Server
	listen net.Listener
	all    sync.WaitGroup
	ctx    context.Context // ends with it
	end    context.CancelFunc
}

func newMailhost(w *world) *mailhost {
	h := &mailhost{w: w}
	h.ctx, h.end = context.WithCancel(w.ctx)
	h.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailing{host: h, conn: c}, nil }))
	h.server.Domain = "mail.example"
	h.server.ErrorLog = quietLog{}
	var err error
	if h.listen, err = new(net.ListenConfig).Listen(w.ctx, "tcp", "127.0.0.1:0"); err != nil {
		w.t.Fatal(err)
	}
	h.all.Go(func() { _ = h.server.Serve(h.listen) })
	return h
}

func (h *mailhost) close() {
	h.end()
	_ = h.server.Close()
	_ = h.listen.Close()
	h.all.Wait()
}

func (h *mailhost) port() int {
	address, _ := h.listen.Addr().(*net.TCPAddr)
	return address.Port
}

// quietLog: connections break all the time here.
type quietLog struct{}

func (quietLog) Printf(string, ...any) {}
func (quietLog) Println(...any)        {}

// mailing is one connection, which brings one mail.
type mailing struct {
	host *mailhost
	conn *smtp.Conn
	to   string
}

var _ smtp.Session = (*mailing)(nil)

// Reset implements smtp.Session.
func (m *mailing) Reset() {}

// Logout implements smtp.Session.
func (m *mailing) Logout() error { return nil }

// Mail implements smtp.Session.
func (m *mailing) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (m *mailing) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = to
	no, _, _ := strings.Cut(to, "@")
	if p := m.host.w.people[no]; p == nil || p.dead {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody"}
	}
	return nil
}

// Data implements smtp.Session.
func (m *mailing) Data(r io.Reader) error {
	l, f, link := m.read(r)
	if l == nil {
		return &smtp.SMTPError{Code: 554, Message: "no"}
	}
	hangUp := func() error { _ = m.conn.Conn().Close(); return io.ErrClosedPipe }
	switch m.host.w.post.draw(l, false) {
	case drops:
		return hangUp()
	case takesDrops, takesFails, babbles:
		m.take(l, f, link)
		return hangUp()
	case takesHangs:
		m.take(l, f, link)
		wait(m.host.ctx, 2*m.host.w.post.linger())
		return hangUp()
	case slow:
		wait(m.host.ctx, m.host.w.post.linger())
	case refuses, busy, down: // for now: nobody else would bring it
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "full"}
	case fine:
	}
	m.take(l, f, link)
	return nil
}

func (m *mailing) read(r io.Reader) (l *letter, f *fate, link string) {
	letterhead, err := mail.ReadMessage(r)
	if err != nil {
		return nil, nil, "" // the server died while it spoke
	}
	_, _ = io.Copy(io.Discard, letterhead.Body)
	subject, err := new(mime.WordDecoder).DecodeHeader(letterhead.Header.Get("Subject"))
	if err != nil {
		m.host.w.wrongs.add("mail", "%v", err)
		return nil, nil, ""
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(letterhead.Header.Get("Message-Id"), "<"), "@")
	l, f = m.host.w.post.came(letter{via: notify.Email, by: "mail", to: m.to, id: id}, subject)
	return l, f, strings.Trim(letterhead.Header.Get("List-Unsubscribe"), "<>")
}

// take puts the mail into the mailbox. A weary payer makes use of the link in it.
func (m *mailing) take(l *letter, f *fate, link string) {
	p := m.host.w.post
	p.take(l)
	if f.payer.weary && link != "" {
		p.all.Go(func() { m.host.w.optOut(f, link) })
	}
}

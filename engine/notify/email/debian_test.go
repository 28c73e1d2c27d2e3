package email_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"anxin/engine/notify"
	"anxin/engine/notify/email"
)

// plainConfig is an account at a server without TLS and passwords.
func plainConfig(t *testing.T, security email.Security) email.Config {
	t.Helper()
	l := listen(t)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return nil, smtp.ErrServerClosed }))
	server.Domain = "mail.test"
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); _ = l.Close(); <-done }) // the server forgets a listener that it got after Close
	address, _ := l.Addr().(*net.TCPAddr)
	return email.Config{Host: "127.0.0.1", Port: address.Port, Security: security, From: "no-reply@shop.example"}
}

// Debian's OpenSMTPD takes the mail and puts it into a mailbox, where it is read again. The
// test runs alone: the program has one control socket a machine.
func TestOpenSMTPD(t *testing.T) { //nolint:paralleltest // see above
	box := mailbox(t)
	free := listen(t)
	address, _ := free.Addr().(*net.TCPAddr)
	_ = free.Close()
	log := startOpenSMTPD(t, address.Port, box)
	log.wait(t, "smtp: will accept")
	p, err := email.New(email.Config{Host: "127.0.0.1", Port: address.Port, Security: email.Plain, From: "Shop <no-reply@shop.example>"})
	if err != nil {
		t.Fatal(err)
	}
	m := message
	m.To.Email = "nobody@anxin.test"
	if _, err := p.Send(t.Context(), m); err != nil {
		t.Fatalf("send: %v", err)
	}
	log.wait(t, "stat=Delivered")
	mail := delivered(t, filepath.Join(box, "new"))
	if mail.Header.Get("Message-Id") != "<m1@shop.example>" {
		t.Errorf("message id %q", mail.Header.Get("Message-Id"))
	}
	if parts := readParts(t, mail.Header.Get("Content-Type"), mail.Body); len(parts) != 2 || parts[0] != "text/plain: "+m.Text.Body {
		t.Errorf("parts %q", parts)
	}
	m.To.Email = "nobody@elsewhere.test"
	_, err = p.Send(t.Context(), m)
	if failed, ok := errors.AsType[*notify.SendError](err); !ok || failed.Kind == notify.KindMaybeSent {
		t.Errorf("mail to elsewhere: %v", err)
	}
}

// mailbox makes a folder that the user nobody may write to.
func mailbox(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("", "anxin-mail")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	box := filepath.Join(root, "box")
	for _, folder := range []string{root, box, filepath.Join(box, "new"), filepath.Join(box, "cur"), filepath.Join(box, "tmp")} {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(folder, 0o777); err != nil { // past the umask: OpenSMTPD delivers as another user
			t.Fatal(err)
		}
	}
	return box
}

func startOpenSMTPD(t *testing.T, port int, box string) logLines {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "smtpd.conf")
	text := fmt.Sprintf("listen on 127.0.0.1 port %d hostname mail.test\naction box maildir %q user nobody\nmatch from any for domain \"anxin.test\" action box\n", port, box)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "/usr/sbin/smtpd", "-d", "-v", "-f", conf)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start smtpd: %v", err)
	}
	lines, ended := make(logLines, 1024), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(lines)
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			default: // nobody waits any more
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		_ = cmd.Wait() // it ends by a signal
	})
	return lines
}

// logLines are what a program logs.
type logLines chan string

// wait returns when the program has logged a line with a text.
func (l logLines) wait(t *testing.T, text string) {
	t.Helper()
	var all strings.Builder
	for line := range l {
		if strings.Contains(line, text) {
			return
		}
		all.WriteString(line + "\n")
	}
	t.Fatalf("it ended without %q:\n%s", text, all.String())
}

func delivered(t *testing.T, folder string) *netmail.Message {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d mails, %v", len(entries), err)
	}
	content, err := os.ReadFile(filepath.Join(folder, entries[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	mail, err := netmail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return mail
}

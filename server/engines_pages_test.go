package main

import (
	"regexp"
	"time"
)

// The pages beside the payer's own, in other engines.

// inbox holds that the message centre is live, and reads what came.
func (s *story) inbox(orderNo string) {
	s.Helper()
	registered := s.p.register(orderNo)
	s.show(registered["inbox_url"].(string))
	s.until(live("socket") + ` && !document.querySelector('#empty').hidden`)
	s.run(`window.mine = true`)
	s.p.pay(orderNo, object{"callback": object{"lost": true}, "query": object{"processing": 99}})
	if status, answer := s.p.call("POST", "/v1/orders/"+orderNo+"/claim", nil); status >= 300 {
		s.Fatalf("claim: %d %v", status, answer)
	}
	s.until(unread("1") + ` && window.mine`)
	s.wantText("#messages .fresh h2", "confirming")
	s.wantNone(badLayout)
	s.run(`document.querySelector('#messages .fresh .read').click()`)
	s.until(nothingNew + ` && window.mine`)
	s.wantNone(`faults`)
}

// lookup finds an order by its number and the code that its payer is sent, and shows it.
func (s *story) lookup(orderNo string) {
	s.Helper()
	r := registration(orderNo)
	r["payer"] = object{"id": "u-" + orderNo, "phone": "+8613800138000", "locale": "en"}
	if status, answer := s.p.call("POST", "/v1/orders", r); status != 201 {
		s.Fatalf("register: %d %v", status, answer)
	}
	s.show(s.site + "/orders?lang=en")
	s.wantText("#headline", "Find my order")
	s.wantNone(badLayout)
	s.run(`(document.querySelector('#number').value = '` + orderNo + `', document.querySelector('.button.main').click())`)
	s.reaches(`!!document.querySelector('#code')`)
	s.wantNone(badLayout)
	code := s.p.texted(s.T, regexp.MustCompile(`\b\d{4} ?\d{4}\b`))
	s.run(`(document.querySelector('#code').value = '` + code + `', document.querySelector('.button.main').click())`)
	s.reaches(`document.querySelector('#anxin').dataset.status === 'awaiting_payment' && document.querySelector('#order').innerText === '` + orderNo + `'`)
	s.until(live("socket"))
	s.wantNone(`faults`)
}

func (s *story) show(url string) {
	s.Helper()
	if err := s.e.show(url); err != nil {
		s.Fatalf("show: %v\n%s", err, s.p.logs())
	}
}

// reaches holds until an expression is true in a page that takes this one's place: between
// the two there is none to ask.
func (s *story) reaches(expression string) {
	s.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		if value, err := s.e.run(`String(` + expression + `)`); err == nil && value == "true" {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("never reached: %s\n%s", expression, s.p.logs())
		}
	}
}

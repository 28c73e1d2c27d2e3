package notify

// reasons tell whoever gets a message at an address that somebody left on a page why it
// comes, and how it ends: it may be a stranger's. Others get the English ones.
var reasons = map[string]struct{ stop, link, mail string }{
	"en": {
		"This number was left on the payment page. Not you? Reply STOP.", "This number was left on the payment page. Not you? End it: ",
		"You get this because this address was left on the payment page of the order. If that was not you, end it with the link below.",
	},
	"zh-CN": {
		"此号码是在付款页面上留下的，非本人操作请回复STOP退订。", "此号码是在付款页面上留下的，非本人操作请点此退订：",
		"收到这封邮件，是因为有人在这笔订单的付款页面上留下了此邮箱。如果不是您本人，请点下方链接退订。",
	},
}

// Explained returns the text with the reason why it comes to an address that somebody left
// on a page. stops says that an SMS can be answered with STOP. Browsers asked their owners
// themselves, and what a provider sends by a template of its own is not ours to add to.
func (t Texted) Explained(c Channel, unsubscribe string, stops bool) Texted {
	why, ok := reasons[t.Language]
	if !ok {
		why = reasons["en"]
	}
	switch c {
	case SMS:
		if stops {
			t.Short += " " + why.stop
		} else {
			t.Short += " " + why.link + unsubscribe
		}
	case Email:
		t.Body += "\n" + why.mail
	case Push, WebPush, Inbox, Gateway, Robot:
	}
	return t
}

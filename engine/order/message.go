package order

// NoteMessage puts on the timeline that a message about the order is handed over now. It
// is an event, so that the commit is refused when the order has changed since the message
// was decided on. refund is the one that the message is about, "" = it is about the order.
func (o Order) NoteMessage(id, notice, via, to, refund string, now Time) Change {
	c := o.begin()
	c.emit(EventMessage, now, Detail{Message: id, Notice: notice, Via: via, To: to, RefundID: refund})
	return c
}

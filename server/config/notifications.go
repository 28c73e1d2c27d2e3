package config

import (
	"time"

	"anxin/engine/notify"
)

// Notifications say who is told what, when and by which channels.
type Notifications struct {
	Plan *notify.Plan
}

// defaultZone is where payers live who name no time zone.
const defaultZone = "Asia/Shanghai"

func (f file) applyNotifications(c *Config, p *problems) {
	zone, err := time.LoadLocation(defaultZone)
	if err != nil {
		p.add("notifications.time_zone", "%q is not known to this build", defaultZone)
		return
	}
	c.Notifications.Plan = notify.DefaultPlan(zone, c.Stages)
}

package hub

import "time"

// BeatAt visits every session as the heartbeat of that time does.
func (h *Hub) BeatAt(now time.Time) { h.wheel.each(func(s *session) { s.beat(now) }) }

// StreamLife is how long one event stream lasts.
const StreamLife = streamLife

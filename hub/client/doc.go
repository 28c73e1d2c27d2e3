// Package client watches topics of a hub from a Go program, such as an app
// backend that shows order progress in its own channels, or a command line.
//
//	c, err := client.New(client.Config{
//		URL:    "wss://pay.example.com/v1/live",
//		Token:  func(ctx context.Context, topic string) (string, error) { return tokens.For(ctx, topic) },
//		Handle: func(f client.Frame) { … },
//	})
//	c.Subscribe("order:A1001")
//	err = c.Run(ctx)
//
// The client keeps one connection for all topics. When it is cut off it
// connects again after a random time of up to half a second, then up to twice
// that, and so on to four seconds, for about a minute, and then to thirty, and
// continues each topic after the last state that it has. The handler therefore
// sees each topic's seq only rise, and since each frame carries the whole state,
// the last frame is always enough.
package client

package main

import (
	"context"

	"github.com/sirupsen/logrus"
)

// redisLog takes what go-redis would print to the standard error: lost connections,
// which the bus waits out.
type redisLog struct{ log logrus.FieldLogger }

// Printf drops the text, which may quote an address with its credentials.
func (l redisLog) Printf(context.Context, string, ...any) {
	l.log.Debug("redis client reports a fault of its connection")
}

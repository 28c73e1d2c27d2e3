package engine_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"anxin/engine"
)

func TestMain(m *testing.M) {
	engine.AddProcessors(os.Getenv) // what is measured is what the server runs with
	goleak.VerifyTestMain(m)
}

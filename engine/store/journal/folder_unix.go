//go:build !windows

package journal

import (
	"errors"
	"os"
)

// syncFolder makes the names of new files durable.
func syncFolder(dir string) error {
	folder, err := os.Open(dir) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

package journal

import "os"

// BreakFile has every write to the file that j appends to fail.
func BreakFile(j *Journal) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	writable := j.current.file
	var err error
	if j.current.file, err = os.Open(writable.Name()); err != nil {
		return err
	}
	return writable.Close()
}

package outfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Dated names a file of this moment in the working directory, or where that cannot be written to, in
// the one for temporary files. The first is a bare name: it is to be said in one line.
func Dated(what, ext string) string {
	name := dated(what, ext)
	file, err := os.CreateTemp(".", ".ndwhy-*")
	if err != nil {
		return filepath.Join(os.TempDir(), name)
	}
	file.Close()
	os.Remove(file.Name())
	return name
}

// Temporary names a file of this moment in the directory for temporary files.
func Temporary(what, ext string) string { return filepath.Join(os.TempDir(), dated(what, ext)) }

func dated(what, ext string) string {
	return fmt.Sprintf("ndwhy-%s-%s.%s", what, time.Now().Format("20060102-150405"), ext)
}

// Save writes a text that only the user is to read.
func Save(path, text string) error {
	file, err := Create(path)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

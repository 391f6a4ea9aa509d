package record

import (
	"compress/gzip"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A Packer compresses what is written to it. Flush hands over all of it, so that it can be read should no more come.
type Packer interface {
	io.WriteCloser
	Flush() error
}

// packWindow is how far back zstd looks for what repeats, and about a quarter of the memory that it takes.
const packWindow = 1 << 20

// Packed returns what compresses for a file as its name says: by gzip for .gz, by zstd for .zst; any other name
// compresses nothing. Its Close ends what is written to w, and leaves w open.
func Packed(w io.Writer, name string) (Packer, error) {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriter(w), nil
	case strings.HasSuffix(name, ".zst"):
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(packWindow), zstd.WithLowerEncoderMem(true))
	default:
		return unpacked{w}, nil
	}
}

type unpacked struct{ io.Writer }

func (unpacked) Flush() error { return nil }
func (unpacked) Close() error { return nil }

//go:build interop

package main_test

import (
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
)

// A browser shows the page: light or dark as its reader has it, what is wrong in red, and it has nothing to complain
// of; and it prints it.
func TestInteropHTML(t *testing.T) {
	r := labtest.Run(t, "unassigned-source", "ndwhy", "check", "--format", "html")
	dir := t.TempDir()
	page := filepath.Join(dir, "report.html")
	if err := os.WriteFile(page, []byte(r.Stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	browse := func(args ...string) string {
		t.Helper()
		args = append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1000,1400",
			"--user-data-dir=" + filepath.Join(dir, "profile"), "--enable-logging=stderr",
		}, args...)
		out, err := exec.Command("chromium", append(args, "file://"+page)...).CombinedOutput()
		if err != nil {
			t.Fatalf("chromium: %v\n%s", err, out)
		}
		return string(out)
	}
	shot := func(scheme string) image.Image {
		t.Helper()
		name := filepath.Join(dir, scheme+".png")
		if said := browse("--screenshot="+name, "--blink-settings=preferredColorScheme="+scheme); strings.Contains(said, "CONSOLE") {
			t.Errorf("the browser complains:\n%s", said)
		}
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		img, err := png.Decode(file)
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	reddish := func(img image.Image) (n int) {
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				if r, g, b, _ := img.At(x, y).RGBA(); r > 0xa000 && g < r*3/5 && b < r*3/5 {
					n++
				}
			}
		}
		return n
	}
	for scheme, dark := range map[string]bool{"0": true, "1": false} {
		img := shot(scheme)
		r, g, b, _ := img.At(2, 2).RGBA()
		if is := r+g+b < 0x18000; is != dark {
			t.Errorf("the paper is %x %x %x, dark is %v", r, g, b, dark)
		}
		if n := reddish(img); n < 500 {
			t.Errorf("dark %v: only %d points show that something is wrong", dark, n)
		}
	}
	pdf := filepath.Join(dir, "report.pdf")
	browse("--print-to-pdf=" + pdf)
	if b, err := os.ReadFile(pdf); err != nil || !strings.HasPrefix(string(b), "%PDF-") {
		t.Errorf("it is not printed: %v", err)
	}
}

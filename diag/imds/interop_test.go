//go:build interop

package imds

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
)

// Amazon's own mock of the service says what we read from it. Its binary is named by
// EC2_METADATA_MOCK or found on PATH; without it the test is skipped, or fails if CI=true.
func TestInteropAmazonEC2MetadataMock(t *testing.T) {
	name := os.Getenv("EC2_METADATA_MOCK")
	if name == "" {
		name = "ec2-metadata-mock"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing := t.Skipf
		if os.Getenv("CI") == "true" {
			missing = t.Fatalf
		}
		missing("%v: go install github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock@v1.13.0", err)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	mock := exec.CommandContext(t.Context(), path, "--imdsv2", "--hostname", host, "--port", port)
	mock.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mock.Process.Kill(); _ = mock.Wait() })

	var m diag.Metadata
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if m = ask("http://" + addr); m.State != diag.MetadataUnreachable {
			break
		}
	}
	if m.State != diag.MetadataOK || m.Region != "us-east-1" || len(m.Interfaces) != 1 {
		t.Fatalf("%+v", m)
	}
	i := m.Interfaces[0]
	if i.MAC != mac(t, "0e:49:61:0f:c3:11") || i.ID == "" || i.Subnet == "" || len(i.Prefixes) != 0 ||
		!slices.Equal(i.Addresses, []netip.Addr{netip.MustParseAddr("2001:db8:8:4::2")}) ||
		!slices.Equal(i.Subnets, []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}) {
		t.Errorf("%+v", i)
	}
}

package redact

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"ndwhy/diag"
)

func TestText(t *testing.T) {
	d := Redactor{On: true}
	d.Learn("bastion-7.corp.example", "peer", "search.example.")
	for _, x := range []struct{ text, want string }{
		{
			"NS 2001:db8:a::1:2:3 > ff02::1:ff02:3: who has 2001:db8:a::5? 2001:0DB8:a::5, fd12:3456::9",
			"NS 3fff:fff:1::1:2:0 > ff02::1:ff02:0: who has 3fff:fff:1::5? 3fff:fff:1::5, fdff:ff:2::9",
		},
		// A prefix stays one, and holds what is in it.
		{"2001:db8:a:b00::/56 2001:db8:a:b05::/64 2001:db8:a:b05::1/64", "3fff:fff:1:800::/56 3fff:fff:1:804::/64 3fff:fff:1:804::1/64"},
		// A MAC, the addresses made of it, what is asked for them, and names: in every form.
		{
			"06:df:a5:6c:5d:57 fe80::4df:a5ff:fe6c:5d57%eth0 2001:db8:a::4df:a5ff:fe6c:5d57 ff02::1:ff6c:5d57 33:33:ff:6c:5d:57",
			"02:ff:01:40:00:00 fe80::ff:1ff:fe40:0%eth0 3fff:fff:1:0:ff:1ff:fe40:0 ff02::1:ff40:0 33:33:ff:40:00:00",
		},
		{"enx06dfa56c5d57 enx06dfa56c5d57.100 06-DF-A5-6C-5D-57 06df.a56c.5d57 06dfa56c5d57", "enx02ff01400000 enx02ff01400000.100 02-ff-01-40-00-00 02ff.0140.0000 02ff01400000"},
		{"06:00:5e:00:53:99 fe80::400:5eff:fe00:5399 2001:db8::8a2e ff02::1:ff00:8a2e", "02:ff:02:00:40:00 fe80::ff:2ff:fe00:4000 3fff:fff:3::8000 ff02::1:ff00:8000"},
		{"00:03:00:01:06:df:a5:6c:5d:57 000100012a3b4c5d06dfa56c5d57", "id-1 id-2"},
		{"10.1.2.3 is 10.1.2.9's, not 10.1.3.3:80", "198.18.1.3 is 198.18.1.9's, not 198.18.2.3:80"},
		{"http://192.0.2.7:1338/ ::ffff:192.0.2.7", "http://198.18.3.7:1338/ ::ffff:198.18.3.7"},
		{"eni-0123456789abcdef0 of i-0123456789abcdef0 in subnet-01234567", "eni-1 of i-1 in subnet-1"},
		{"i-0123456789abcdef0.eu-west-1.compute.internal ip-10-0-0-1 ip-10-0-0-1.ec2.internal", "host-1 host-2 host-3"},
		{"bastion-7 BASTION-7.corp.example: a.search.example.", "host-4 host-5: host-6."},
		{"0b1c2d3e-0000-4000-8000-0123456789ab", "uuid-1"},
		{"open /home/alice/run.jsonl: permission denied", "open /home/user-1/run.jsonl: permission denied"},
		// What says nothing of a network, or is none of it.
		{"ff02::1 fe80::1 fe80:ec2::1 fd00:ec2::254 169.254.169.254 127.0.0.1 ::", "ff02::1 fe80::1 fe80:ec2::1 fd00:ec2::254 169.254.169.254 127.0.0.1 ::"},
		{"the peer at 12:30:05, e12, address.unassigned, add-address, 0123456789ab, 2026-11-27T03:07:05.773000001Z, items/bec8a619c6d486dea0a8", "the peer at 12:30:05, e12, address.unassigned, add-address, 0123456789ab, 2026-11-27T03:07:05.773000001Z, items/bec8a619c6d486dea0a8"},
		{"\x1b[31m2001:db8:a::5\x1b[m", "\x1b[31m3fff:fff:1::5\x1b[m"},
	} {
		got := d.Text(x.text)
		if got != x.want {
			t.Errorf("%q becomes\n%q, want\n%q", x.text, got, x.want)
		}
		if again := d.Text(got); again != got {
			t.Errorf("%q becomes %q when it is hidden again", got, again)
		}
	}
	if text := "fe80::1:2:3"; (&Redactor{}).Text(text) != text {
		t.Error("hidden though nobody asked")
	}
}

// In a table what follows a mask stays in its column, as long as there is room.
func TestTextKeepsColumns(t *testing.T) {
	d := Redactor{On: true}
	for _, x := range []struct{ text, want string }{
		{"  2001:db8:0000:0000::5/128  assigned\n  2001:db8::7  assigned", "  3fff:fff:1::5/128          assigned\n  3fff:fff:1::7  assigned"},
		{"  2001:db8::7      assigned", "  3fff:fff:1::7    assigned"},
	} {
		if got := d.Text(x.text); got != x.want {
			t.Errorf("%q becomes\n%q, want\n%q", x.text, got, x.want)
		}
	}
}

// Masks share as long a prefix as the addresses do, beyond the site, and are as different.
func TestMasksAreAsTheAddresses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := Redactor{On: true}
	var list, masks []netip.Addr
	for range 300 {
		a := netip.MustParseAddr("2001:db8:a:b::").As16()
		for i := 6; i < len(a); i++ {
			if random.IntN(3) > 0 {
				a[i] = byte(random.Uint32())
			}
		}
		list = append(list, netip.AddrFrom16(a))
		masks = append(masks, netip.MustParseAddr(d.Text(list[len(list)-1].String())))
	}
	common := func(a, b netip.Addr) (n int) {
		for n = 0; n < 128; n++ {
			p, _ := a.Prefix(n + 1)
			if !p.Contains(b) {
				break
			}
		}
		return n
	}
	for i := range list {
		for j := range i {
			want, got := common(list[i], list[j]), common(masks[i], masks[j])
			// The halves of an interface ID are hidden apart, and so is a subnet.
			if want != got && want != 128 && (want < 64 && got != want || got == 128) {
				t.Errorf("%s and %s share %d bits, %s and %s %d", list[i], list[j], want, masks[i], masks[j], got)
			}
		}
	}
}

// Whatever arrives, there is an end to what is remembered.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	d := Redactor{On: true}
	random := rand.New(rand.NewPCG(1, 2))
	for range mostMasks + 1000 {
		d.Text(fmt.Sprintf("%x:%x::%x:%x:%x:%x", 0x2000+random.IntN(0x1000), random.IntN(0x10000), random.IntN(0x10000), random.IntN(0x10000), random.IntN(0x10000), random.IntN(0x10000)))
	}
	if len(d.masks) > mostMasks || len(d.upper.seen) > mostLeaves || len(d.lower.seen) > mostLeaves || len(d.sites.seen) > 1<<16 {
		t.Errorf("%d masks, %d and %d leaves, %d sites", len(d.masks), len(d.upper.seen), len(d.lower.seen), len(d.sites.seen))
	}
}

// In JSON an address may stand right behind an escape, keys are not touched, and what comes out is
// JSON.
func TestJSON(t *testing.T) {
	const secret = "2001:db8::5"
	type doc struct {
		A        string         `json:"a"`
		Frontend string         `json:"frontend"`
		Zz       map[string]any `json:"zz"`
	}
	in, err := json.Marshal(doc{"\n" + secret + "\t" + secret + "\u2028" + secret + ">" + secret + "\\" + secret + "\"" + secret, "frontend", map[string]any{secret: 1}})
	if err != nil {
		t.Fatal(err)
	}
	d := Redactor{On: true}
	d.Learn("frontend")
	var out doc
	if err := json.Unmarshal([]byte(d.JSON(string(in))), &out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.A, secret) || strings.Count(out.A, "3fff:fff:1::5") != 6 || out.Frontend != "host-1" || out.Zz[secret] == nil {
		t.Errorf("%+v", out)
	}
}

// The names of a state are those that nothing in the words themselves tells.
func TestNames(t *testing.T) {
	s := diag.NewState()
	for i, b := range []diag.Body{
		diag.Run{Host: "web"},
		diag.Metadata{Endpoint: "http://imds.corp.example:80/"},
		diag.Frame{Interface: "eth0", Type: diag.RA, HopLimit: 255, Src: netip.MustParseAddr("fe80::1"), RA: &diag.Advertisement{LifetimeS: 1800, DNSSL: []string{"corp.example"}}},
	} {
		s.Apply(diag.Event{Seq: int64(i + 1), Body: b})
	}
	if got := strings.Join(Names(s), " "); got != "web corp.example imds.corp.example" {
		t.Errorf("%s", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("2001:db8::/32 06:df:a5:6c:5d:57 enx06dfa56c5d57 \\u00e9 \x1b[31m i-0123456789abcdef0")
	f.Fuzz(func(t *testing.T, text string) {
		d := Redactor{On: true}
		once := d.Text(text)
		if strings.Count(once, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q becomes %q", text, once)
		}
		b, err := json.Marshal(map[string]string{"a": text})
		if err != nil {
			t.Skip(err)
		}
		if !json.Valid([]byte(d.JSON(string(b)))) {
			t.Errorf("%s becomes %s", b, d.JSON(string(b)))
		}
	})
}

package why

import (
	"regexp"
	"slices"
	"testing"

	"ndwhy/diag/diagtest"
)

// TestWordsFitTheNetwork: what a kind of network does not have is not named there as a culprit.
func TestWordsFitTheNetwork(t *testing.T) {
	only := []struct {
		what     *regexp.Regexp
		profiles []string
	}{
		{regexp.MustCompile(`(?i)security group|security-group`), []string{"aws", "openstack", "azure"}},
		{regexp.MustCompile(`(?i)internet gateway|network ACL|public access|route table|source/destination`), []string{"aws"}},
		{regexp.MustCompile(`\bNSG\b`), []string{"azure"}},
		{regexp.MustCompile(`\bVPC`), []string{"aws", "gcp"}},
		{regexp.MustCompile(`aws ec2`), []string{"aws", "container"}},
	}
	for _, profile := range Profiles() {
		for _, tt := range diagtest.CauseTests {
			w := tt.World()
			if len(w.Bodies) > 1000 {
				continue // it is only about time
			}
			w.Run.Profile = profile
			for _, f := range Diagnose(w.State()).Findings {
				texts := append([]string{f.Summary, f.Explanation}, f.Remedy...)
				for _, a := range f.Alternatives {
					texts = append(texts, a.TellApart)
				}
				for _, text := range texts {
					for _, x := range only {
						if x.what.MatchString(text) && !slices.Contains(x.profiles, profile) {
							t.Errorf("%s in %s (%s): %s", f.Cause, profile, tt.Name, text)
						}
					}
				}
			}
		}
	}
}

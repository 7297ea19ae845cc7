package jamfpro_test

import (
	"strings"
	"testing"

	"usher.internal/sim/jamfpro"
)

// Each release has its versions of the inventory, with their names for the last contact. For missing versions the
// answer is 404, in JSON or in a web server's HTML.
func TestGenerations(t *testing.T) {
	for version, served := range map[string]string{"11.10.0": "", "11.20.0": "v2", "11.25.0": "v2 v3",
		"11.30.1": "v2 v3 v4", "12.0.0": "v3 v4", "14.0.0": ""} {
		for _, html := range []bool{false, true} {
			a := signedIn(t, jamfpro.Options{Version: version, RetiredInHTML: html})
			for _, generation := range []string{"v2", "v3", "v4"} {
				path := "/api/" + generation + "/computers-inventory"
				if !strings.Contains(served, generation) {
					gone := a.want(404, "GET", path, "")
					if html != strings.HasPrefix(gone.body, "<!doctype html>") {
						t.Errorf("%s of %s: %s", generation, version, gone.body)
					}
					continue
				}
				body := a.want(200, "GET", path, "").body
				if isNew := generation == "v4"; strings.Contains(body, `"lastContactTime"`) == isNew ||
					strings.Contains(body, `"lastCheckIn"`) != isNew {
					t.Errorf("%s of %s: %s", generation, version, body)
				}
				a.want(204, "PATCH", path+"-detail/"+a.computer, "{}")
			}
		}
	}
}

func TestFieldsOfAnotherGenerationAreUnknown(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.want(400, "GET", "/api/v4/computers-inventory?sort=general.lastContactTime:desc", "")
	a.want(400, "GET", "/api/v3/computers-inventory?sort=general.lastContact:desc", "")
}

func TestUpgrade(t *testing.T) {
	a := signedIn(t, jamfpro.Options{Version: "11.20.0"})
	a.want(404, "GET", "/api/v4/computers-inventory", "")
	a.SetVersion("12.0.0")
	a.want(200, "GET", "/api/v4/computers-inventory", "")
	a.want(404, "GET", "/api/v2/computers-inventory", "")
}

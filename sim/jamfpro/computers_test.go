package jamfpro_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
)

// found is the part of an inventory answer that the tests check.
type found struct {
	TotalCount int
	Results    []struct {
		ID, UDID string
		General  *struct {
			Name, LastContact   string
			ExtensionAttributes []map[string]any
		}
		Hardware            *struct{ SerialNumber string }
		OperatingSystem     map[string]any
		ExtensionAttributes []map[string]any
	}
}

func (f found) ids() []string {
	ids := []string{}
	for _, one := range f.Results {
		ids = append(ids, one.ID)
	}
	return ids
}

func (a *api) list(query url.Values) found {
	a.t.Helper()
	return decode[found](a.t, a.want(200, "GET", listPath+"?"+query.Encode(), "").body)
}

func TestSectionsThatWereNotAskedForAreNull(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	body := a.want(200, "GET", listPath, "").body
	for _, part := range []string{`"hardware":null`, `"operatingSystem":null`, `"extensionAttributes":null`,
		`"totalCount":1`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
	one := a.list(url.Values{"section": {"GENERAL", "HARDWARE"}}).Results[0]
	if one.ID != a.computer || one.UDID != udid || one.General.Name != name || one.Hardware.SerialNumber != serial {
		t.Errorf("got %+v", one)
	}
	if one.General.LastContact != "2026-11-23T12:00:00.000Z" {
		t.Errorf("last contact %q", one.General.LastContact)
	}
	if a.list(url.Values{"section": {"HARDWARE,OPERATING_SYSTEM"}}).Results[0].OperatingSystem == nil {
		t.Error("sections separated by commas were not read")
	}
	a.refused(400, "INVALID_SECTION", "section", "GET", listPath+"?section=FURNITURE", "")
}

func TestAttributesStandInTheSectionOfTheirDefinition(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.define(jamfpro.Definition{Name: "Elsewhere"})
	a.define(jamfpro.Definition{Name: "Up", InventoryDisplayType: jamfpro.DisplayGeneral, InputType: jamfpro.InputPopup,
		PopupMenuChoices: []string{"a"}})
	one := a.list(url.Values{"section": {"GENERAL", "EXTENSION_ATTRIBUTES"}}).Results[0]
	if got := one.General.ExtensionAttributes; len(got) != 1 || got[0]["name"] != "Up" ||
		got[0]["inputType"] != "POPUP" || got[0]["options"].([]any)[0] != "a" {
		t.Errorf("general has %v", got)
	}
	if got := one.ExtensionAttributes; len(got) != 1 || got[0]["name"] != "Elsewhere" ||
		len(got[0]["values"].([]any)) != 0 {
		t.Errorf("extension attributes are %v", got)
	}
}

func TestOneComputerByID(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	if body := a.want(200, "GET", listPath+"/"+a.computer+"?section=HARDWARE", "").body; !strings.Contains(body,
		serial) || !strings.Contains(body, `"general":null`) {
		t.Errorf("got %s", body)
	}
	if body := a.want(200, "GET", detailPath+a.computer, "").body; !strings.Contains(body, serial) ||
		!strings.Contains(body, "Jane’s") {
		t.Errorf("got %s", body)
	}
	a.refused(404, "INVALID_ID", "id", "GET", detailPath+"4711", "")
	a.refused(404, "INVALID_ID", "id", "GET", listPath+"/4711", "")
}

func fleet() []jamfpro.Computer {
	day := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	return []jamfpro.Computer{
		{UDID: udid, SerialNumber: serial, Name: name, LastContact: day},
		{UDID: "B", SerialNumber: "S-B", Name: `A "quoted" \ name`, LastContact: day.Add(3 * time.Hour)},
		{UDID: "C", SerialNumber: serial, Name: "MacBook Air (2)", LastContact: day.Add(2 * time.Hour)},
	}
}

func TestFilter(t *testing.T) {
	a := signedIn(t, jamfpro.Options{Computers: fleet()})
	for _, one := range []struct {
		filter string
		want   []string
	}{
		{``, []string{"1", "2", "3"}},
		{`udid=="` + udid + `"`, []string{"1"}},
		{`udid==` + udid, []string{"1"}},
		{`udid=="` + strings.ToLower(udid) + `"`, []string{}},
		{`hardware.serialNumber=="` + serial + `"`, []string{"1", "3"}},
		{`hardware.serialNumber!="` + serial + `"`, []string{"2"}},
		{`general.name=="A \"quoted\" \\ name"`, []string{"2"}},
		{`general.name=='A "quoted" \\ name'`, []string{"2"}},
		{`general.name=="Jane’s MacBook Pro"`, []string{"1"}},
		{`general.name=="*MacBook*"`, []string{"1", "3"}},
		{`general.name=="Mac*(2)"`, []string{"3"}},
		{`general.name=="Mac*Book*Air*)"`, []string{"3"}},
		{`general.name=="Mac\*"`, []string{}},
		{`general.name!="*MacBook*"`, []string{"2"}},
		{`udid=in=("B", "C")`, []string{"2", "3"}},
		{`udid=out=(B,C)`, []string{"1"}},
		{`hardware.serialNumber=="` + serial + `";udid=="C"`, []string{"3"}},
		{`hardware.serialNumber=="` + serial + `" and udid=="C"`, []string{"3"}},
		{`udid=="B",udid=="C"`, []string{"2", "3"}},
		{`udid=="B" or udid=="C";id=="1"`, []string{"2"}},
		{`(udid=="B" or udid=="C") and id=="3"`, []string{"3"}},
	} {
		t.Run(one.filter, func(t *testing.T) {
			if got := a.list(url.Values{"filter": {one.filter}, "sort": {"id:asc"}}).ids(); !slices.Equal(got,
				one.want) {
				t.Errorf("got %v, want %v", got, one.want)
			}
		})
	}
}

func TestFilterIsRefused(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	for _, filter := range []string{
		"udid", "udid==", `udid=="`, `udid=="A" x`, "udid=A", "udid=gt=A", "udid>A", "general.colour==red", "(udid==A",
		"udid==A)",
		"udid=in=A", "udid=in=(A", "udid=in=(A B)", ";", "udid==A;", "udid==A or", `==A`, `udid==(A)`,
	} {
		t.Run(filter, func(t *testing.T) {
			a.refused(400, "INVALID_FILTER", "filter", "GET", listPath+"?"+url.Values{"filter": {filter}}.Encode(), "")
		})
	}
}

func TestPagingAndSorting(t *testing.T) {
	a := signedIn(t, jamfpro.Options{Computers: fleet()})
	for _, one := range []struct {
		query string
		want  []string
	}{
		{"", []string{"2", "1", "3"}}, // by name
		{"sort=general.name:desc", []string{"3", "1", "2"}},
		{"sort=general.lastContact:desc", []string{"2", "3", "1"}},
		{"sort=hardware.serialNumber:asc,udid:desc", []string{"3", "1", "2"}},
		{"sort=hardware.serialNumber&sort=udid", []string{"1", "3", "2"}},
		{"page-size=2", []string{"2", "1"}},
		{"page-size=2&page=1", []string{"3"}},
		{"page-size=2&page=2", []string{}},
	} {
		t.Run(one.query, func(t *testing.T) {
			got := decode[found](t, a.want(200, "GET", listPath+"?"+one.query, "").body)
			if !slices.Equal(got.ids(), one.want) || got.TotalCount != 3 {
				t.Errorf("got %v of %d, want %v of 3", got.ids(), got.TotalCount, one.want)
			}
		})
	}
	for query, field := range map[string]string{"page=-1": "page", "page=x": "page", "page-size=0": "page-size",
		"page-size=2001": "page-size"} {
		a.refused(400, "INVALID_PARAMETER", field, "GET", listPath+"?"+query, "")
	}
	a.refused(400, "INVALID_SORT", "sort", "GET", listPath+"?sort=general.name:up", "")
	a.refused(400, "INVALID_SORT", "sort", "GET", listPath+"?sort=colour", "")
}

// A computer that enrolled twice has two records; the inspection shows the one with the latest contact.
func TestReenrolment(t *testing.T) {
	a := start(t, jamfpro.Options{})
	a.clock.pass(time.Hour)
	a.signIn()
	second := a.AddComputer(jamfpro.Computer{UDID: udid, SerialNumber: serial, Name: name})
	if got := a.list(url.Values{"filter": {"udid==" + udid}}); got.TotalCount != 2 {
		t.Errorf("%d records", got.TotalCount)
	}
	if latest, _ := a.Computer(udid); latest.ID != second {
		t.Errorf("latest is %s, want %s", latest.ID, second)
	}
	if !a.RemoveComputer(a.computer) || a.RemoveComputer(a.computer) {
		t.Error("a record can be removed once")
	}
	a.refused(404, "INVALID_ID", "id", "PATCH", detailPath+a.computer, "{}")
}

package primary_test

import (
	"testing"
	"time"

	"usher.internal/helper/primary"
)

func at(hour int) time.Time { return time.Date(2026, 11, 23, hour, 0, 0, 0, time.UTC) }

func TestChoose(t *testing.T) {
	candidate := func(uid uint32, name string, change ...func(*primary.Candidate)) primary.Candidate {
		one := primary.Candidate{UID: uid, Name: name, HasAccount: true}
		for _, f := range change {
			f(&one)
		}
		return one
	}
	holds := func(one *primary.Candidate) { one.Holds = true }
	console := func(one *primary.Candidate) { one.OnConsole = true }
	gone := func(one *primary.Candidate) { one.HasAccount = false }
	atMac := func(hour int) func(*primary.Candidate) {
		return func(one *primary.Candidate) { one.AtMac = at(hour) }
	}
	looked := func(hour int) func(*primary.Candidate) {
		return func(one *primary.Candidate) { one.LookedAt = at(hour) }
	}
	upn := func(one *primary.Candidate) { one.UserPrincipalName = "jane@example.com" }
	for name, test := range map[string]struct {
		configured string
		all        []primary.Candidate
		want       uint32
	}{
		"nobody":         {"", nil, 0},
		"nobody is left": {"", []primary.Candidate{candidate(501, "jane", gone, holds)}, 0},
		"the only one":   {"", []primary.Candidate{candidate(501, "jane")}, 501},
		"configured": {"john",
			[]primary.Candidate{candidate(501, "jane", holds, console), candidate(502, "john")}, 502},
		"configured in other letters": {"JOHN",
			[]primary.Candidate{candidate(501, "jane", holds), candidate(502, "john")}, 502},
		"configured by the name of Entra": {"Jane@example.com",
			[]primary.Candidate{candidate(501, "j", upn), candidate(502, "john", holds)}, 501},
		"configured and gone": {"john",
			[]primary.Candidate{candidate(501, "jane"), candidate(502, "john", gone, holds)}, 501},
		"configured and unknown": {"ann",
			[]primary.Candidate{candidate(501, "jane", atMac(1)), candidate(502, "john", atMac(2))}, 502},
		"not filled in": {"$USERNAME",
			[]primary.Candidate{candidate(501, "jane", holds), candidate(502, "john")}, 501},
		"an admin is on the console": {"",
			[]primary.Candidate{candidate(501, "jane", holds, atMac(1)), candidate(502, "admin", console, atMac(9))},
			501},
		"of two who hold one, the last": {"",
			[]primary.Candidate{candidate(501, "jane", holds, atMac(3)), candidate(502, "john", holds, atMac(2))}, 501},
		"of two who hold one, on the console": {"",
			[]primary.Candidate{candidate(501, "jane", holds, atMac(3)),
				candidate(502, "john", holds, atMac(2), console)}, 502},
		"nobody holds one: the last": {"",
			[]primary.Candidate{candidate(501, "jane", atMac(3)), candidate(502, "john", atMac(4))}, 502},
		"nobody holds one: on the console": {"",
			[]primary.Candidate{candidate(501, "jane", console), candidate(502, "john", atMac(4))}, 501},
		"of an older journal: looked at last": {"",
			[]primary.Candidate{candidate(501, "jane", holds, looked(1)), candidate(502, "john", holds, looked(2))},
			502},
		"who was never there comes last": {"",
			[]primary.Candidate{candidate(501, "jane"), candidate(502, "john", looked(1))}, 502},
		"nothing is known: always the same": {"",
			[]primary.Candidate{candidate(502, "john"), candidate(501, "jane")}, 501},
		"who holds one and is gone is not chosen": {"",
			[]primary.Candidate{candidate(501, "jane", holds, gone, atMac(9)), candidate(502, "john", atMac(1))}, 502},
	} {
		t.Run(name, func(t *testing.T) {
			if uid, found := primary.Choose(test.all, test.configured); uid != test.want || found != (test.want != 0) {
				t.Errorf("chose %d, %t; want %d", uid, found, test.want)
			}
		})
	}
}

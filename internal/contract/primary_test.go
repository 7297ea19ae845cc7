package contract_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestPrimary(t *testing.T) {
	at := func(hour int) *timestamppb.Timestamp {
		return timestamppb.New(time.Date(2026, 11, 23, hour, 0, 0, 0, time.UTC))
	}
	jane := &usherv1.UserStatus{User: &usherv1.User{Name: "jane"}, LookTime: at(9)}
	john := &usherv1.UserStatus{User: &usherv1.User{Name: "john"}, LookTime: at(8),
		LastRegistration: &usherv1.Registration{CreateTime: at(7)}}
	ann := &usherv1.UserStatus{User: &usherv1.User{Name: "ann"}, Session: &usherv1.SessionStatus{OnConsole: true}}
	named := &usherv1.UserStatus{User: &usherv1.User{Name: "named"}, Primary: true}
	gone := &usherv1.UserStatus{User: &usherv1.User{Name: "gone"}, NoAccount: true, LookTime: at(10),
		LastRegistration: &usherv1.Registration{CreateTime: at(10)}}
	for name, test := range map[string]struct {
		users []*usherv1.UserStatus
		want  *usherv1.UserStatus
	}{
		"nobody":                       {nil, nil},
		"the helper names one":         {[]*usherv1.UserStatus{ann, named, john}, named},
		"an older helper: the console": {[]*usherv1.UserStatus{john, ann, jane}, ann},
		"or the newest registration":   {[]*usherv1.UserStatus{jane, john}, john},
		"or the last look": {[]*usherv1.UserStatus{{User: &usherv1.User{Name: "unseen"}}, jane},
			jane},
		"a deleted account is never primary": {[]*usherv1.UserStatus{gone, jane}, jane},
		"also if it is the only one":         {[]*usherv1.UserStatus{gone}, nil},
	} {
		if got := contract.Primary(test.users); got != test.want {
			t.Errorf("%s: it is %v", name, got)
		}
	}
}

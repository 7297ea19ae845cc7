package ctl

import (
	"google.golang.org/protobuf/proto"

	usherv1 "usher.internal/proto/usher/v1"
)

// The messages of a later helper have values in every enum that this version does not know.
func init() {
	later := story(func(r *usherv1.Registration) {
		r.Kind, r.DeliveryState = 97, 96
		r.Identity = &usherv1.Identity{State: 99, Detail: "It is ready.", Source: 98}
		r.Milestones = []*usherv1.Milestone{{Kind: 95, Time: at(1)}}
	}, preflight, 94)
	scenarios["later"] = &fakeHelper{
		updates: []*usherv1.Registration{later},
		status: &usherv1.GetStatusResponse{
			Helper: &usherv1.HelperStatus{Version: "9.0.0"},
			Users: []*usherv1.UserStatus{{
				User: &usherv1.User{Name: "jane", Uid: 501}, Identity: later.GetIdentity(), LastRegistration: later,
				LookTime: at(50),
				Evidence: []*usherv1.Evidence{{Source: 98, Finding: 93, Obstacle: 92, ObserveTime: at(49)}},
			}},
		},
		outbox: &usherv1.ListDeliveriesResponse{Deliveries: []*usherv1.Delivery{{Id: 1, State: 96, Summary: "jane"}}},
	}
	succeeds, fails := proto.CloneOf(later), proto.CloneOf(later)
	succeeds.State, fails.State, fails.FailureReason, fails.FailureDetail = succeeded, failedEnd, 91, "it was deferred"
	scenarios["later-succeeds"], scenarios["later-fails"] = &fakeHelper{updates: []*usherv1.Registration{succeeds}},
		&fakeHelper{updates: []*usherv1.Registration{fails}}
}

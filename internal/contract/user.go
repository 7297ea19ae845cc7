package contract

import (
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// UserToProto returns the message for a user.
func UserToProto(user accounts.User) *usherv1.User {
	return &usherv1.User{Name: user.Name, Uid: user.UID}
}

// UserFromProto returns the user in a message.
func UserFromProto(message *usherv1.User) accounts.User {
	return accounts.User{Name: message.GetName(), UID: message.GetUid()}
}

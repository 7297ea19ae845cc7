package contract

import (
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

func itemsToProto(items *wpj.Items) *usherv1.RegistrationItems {
	if items == nil {
		return nil
	}
	message := &usherv1.RegistrationItems{TenantId: string(items.TenantID), Thumbprint: string(items.Thumbprint),
		CloudHost: items.CloudHost}
	for _, name := range items.UserPrincipalNames {
		message.UserPrincipalNames = append(message.UserPrincipalNames, string(name))
	}
	return message
}

func itemsFromProto(message *usherv1.RegistrationItems) *wpj.Items {
	if message == nil {
		return nil
	}
	items := &wpj.Items{
		TenantID: wpj.TenantID(message.GetTenantId()), Thumbprint: wpj.Thumbprint(message.GetThumbprint()),
		CloudHost: message.GetCloudHost(),
	}
	for _, name := range message.GetUserPrincipalNames() {
		items.UserPrincipalNames = append(items.UserPrincipalNames, wpj.UserPrincipalName(name))
	}
	return items
}

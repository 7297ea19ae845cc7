package wpj

// The marks of a Workplace Join certificate. Its issuer is the one relative distinguished name DC=net + DC=windows +
// CN=MS-Organization-Access + OU=82dbaca4-3e81-46ca-9c73-0950c1eaca97. Its subject CN is the Entra device id [FL-S1].
// macOS prints the name in upper case, so comparisons ignore case [MSID].
const (
	IssuerCommonName         = "MS-Organization-Access"
	IssuerOrganizationalUnit = "82dbaca4-3e81-46ca-9c73-0950c1eaca97"
)

// Application tags of the private keys in the login keychain. The trailing NUL is part of the tag [MSID].
const (
	DeviceKeyTag           = "com.microsoft.workplacejoin.privatekey\x00"
	SessionTransportKeyTag = "com.microsoft.workplacejoin.stk.privatekey\x00"
)

// Accounts of the generic-password items in the login keychain. The value of each is in its service attribute, so
// reading it needs no secret [MSID].
const (
	AccountUserPrincipalName = "com.microsoft.workplacejoin.registeredUserPrincipalName"
	AccountTenantID          = "com.microsoft.workplacejoin.tenantId"
	AccountThumbprint        = "com.microsoft.workplacejoin.thumbprint"
	AccountCloudEnvironment  = "com.microsoft.workplacejoin.cloudEnvironment"
)

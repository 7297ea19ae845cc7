package setup

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"usher.internal/internal/fleet"
)

// identities are the operator of a fleet's servers, its account, and the keys that sign for devices and admins. What each may do stands
// in the account: who holds a signing key cannot make credentials that may do more.
type identities struct {
	operator, account, system            string // JWTs
	systemKey                            string
	accountKey                           string
	operatorPair, accountPair            nkeys.KeyPair
	devicePair, adminPair, provisionPair nkeys.KeyPair
}

// permissions are those of a role: what it may publish and subscribe to.
type permissions struct {
	role               string
	publish, subscribe []string
	subscriptions      int64
}

// roles are what there is. In those of devices {{name()}} is the name in the credentials.
func roles() (device, admin, provision permissions) {
	device = permissions{
		role: "device",
		publish: []string{
			"usher.v1.answer.*.{{name()}}",
			fleet.ChangesOf("{{name()}}"),
		},
		subscribe:     []string{fleet.StatusOfAll, fleet.StatusOf("{{name()}}"), fleet.InboxOf("{{name()}}") + ".>"},
		subscriptions: 8,
	}
	admin = permissions{role: AdminName, publish: []string{fleet.EveryStatus}, subscribe: []string{fleet.EveryAnswer, fleet.InboxOf(AdminName) + ".>"}, subscriptions: -1}
	for _, stream := range []string{fleet.ChangesStream, fleet.DevicesStream} {
		admin.publish = append(admin.publish,
			"$JS.API.STREAM.INFO."+stream,
			"$JS.API.DIRECT.GET."+stream, "$JS.API.DIRECT.GET."+stream+".>",
			"$JS.API.CONSUMER.CREATE."+stream+".>", "$JS.API.CONSUMER.INFO."+stream+".>",
			"$JS.API.CONSUMER.MSG.NEXT."+stream+".>", "$JS.API.CONSUMER.DELETE."+stream+".>",
			"$JS.FC."+stream+".>",
		)
	}
	provision = permissions{
		role:          ProvisionName,
		publish:       []string{"$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.UPDATE.*"},
		subscribe:     []string{fleet.InboxOf(ProvisionName) + ".>"},
		subscriptions: -1,
	}
	return device, admin, provision
}

func newIdentities(options Options) (*identities, error) {
	made := &identities{}
	system, err := nkeys.CreateAccount()
	if err != nil {
		return nil, err
	}
	for pair, create := range map[*nkeys.KeyPair]func() (nkeys.KeyPair, error){
		&made.operatorPair: nkeys.CreateOperator, &made.accountPair: nkeys.CreateAccount,
		&made.devicePair: nkeys.CreateAccount, &made.adminPair: nkeys.CreateAccount, &made.provisionPair: nkeys.CreateAccount,
	} {
		if *pair, err = create(); err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
	}
	operatorKey, systemKey, accountKey := public(made.operatorPair), public(system), public(made.accountPair)
	made.systemKey, made.accountKey = systemKey, accountKey

	operator := jwt.NewOperatorClaims(operatorKey)
	operator.Name = options.Organization
	operator.SystemAccount = systemKey
	if made.operator, err = operator.Encode(made.operatorPair); err != nil {
		return nil, fmt.Errorf("make the operator: %w", err)
	}
	systemAccount := jwt.NewAccountClaims(systemKey)
	systemAccount.Name = "SYS"
	if made.system, err = systemAccount.Encode(made.operatorPair); err != nil {
		return nil, fmt.Errorf("make the system account: %w", err)
	}
	account := jwt.NewAccountClaims(accountKey)
	account.Name = "USHER"
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{
		DiskStorage: options.StorageBytes * int64(len(options.Servers)), MemoryStorage: 0,
		Streams: 2, Consumer: -1, MaxAckPending: -1, DiskMaxStreamBytes: 0,
	}
	device, admin, provision := roles()
	for pair, role := range map[nkeys.KeyPair]permissions{made.devicePair: device, made.adminPair: admin, made.provisionPair: provision} {
		scope := jwt.NewUserScope()
		scope.Key, scope.Role = public(pair), role.role
		scope.Template.Pub.Allow, scope.Template.Sub.Allow = role.publish, role.subscribe
		scope.Template.Subs = role.subscriptions
		scope.Template.Payload = maximumPayload
		account.SigningKeys.AddScopedSigner(scope)
	}
	if made.account, err = account.Encode(made.operatorPair); err != nil {
		return nil, fmt.Errorf("make the account: %w", err)
	}
	return made, nil
}

// seeds are the keys' secrets by the names of their files.
func (i *identities) seeds() map[string][]byte {
	seeds := make(map[string][]byte)
	for name, pair := range map[string]nkeys.KeyPair{
		operatorSeed: i.operatorPair, accountSeed: i.accountPair, deviceSeed: i.devicePair, adminSeed: i.adminPair, provisionSeed: i.provisionPair,
	} {
		seed, err := pair.Seed()
		if err != nil {
			panic("a key that was just made has no seed: " + err.Error())
		}
		seeds[name] = append(seed, '\n')
	}
	return seeds
}

// credentials makes a credentials file for a name. What it may do stands in the account, with the key that signs it.
func credentials(name string, signer nkeys.KeyPair, account string, valid time.Duration) ([]byte, error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	defer user.Wipe()
	claims := jwt.NewUserClaims(public(user))
	claims.Name = name
	claims.IssuerAccount = account
	claims.SetScoped(true)
	claims.Expires = time.Now().Add(valid).Unix()
	token, err := claims.Encode(signer)
	if err != nil {
		return nil, fmt.Errorf("sign the credentials of %s: %w", name, err)
	}
	seed, err := user.Seed()
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, seed)
}

func public(pair nkeys.KeyPair) string {
	key, err := pair.PublicKey()
	if err != nil {
		panic("a key that was just made has no public half: " + err.Error())
	}
	return key
}

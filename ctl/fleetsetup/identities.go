package fleetsetup

import (
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"usher.internal/internal/fleet"
)

// identities are the operator of a fleet's servers, its accounts, and the keys that sign for Macs and admins. The
// account limits what each key may allow: the holder of a signing key cannot make credentials with more rights.
//
// Admins have an account of their own. It imports what they may read, and no more. The reason is that a permission
// limits the subject of a message, but not its reply subject. A server publishes the answer there with its own rights,
// in the account of the requester. In the account of the streams, an admin could have made an answer remove a stream.
type identities struct {
	operator, account, admins, system string // JWTs
	systemKey, accountKey, adminsKey  string
	operatorPair, accountPair         nkeys.KeyPair
	adminsPair                        nkeys.KeyPair
	macPair, adminPair, provisionPair nkeys.KeyPair
}

// permissions are the permissions of a role: what it may publish and subscribe to.
type permissions struct {
	role               string
	publish, subscribe []string
	subscriptions      int64
}

// roles are all roles. For Macs, {{name()}} is the name in the credentials.
func roles() (mac, admin, provision permissions) {
	mac = permissions{
		role:          "mac",
		publish:       []string{"usher.v1.answer.*.{{name()}}", fleet.ChangesOf("{{name()}}")},
		subscribe:     []string{fleet.StatusOfAll, fleet.StatusOf("{{name()}}"), fleet.KeptOf("{{name()}}")},
		subscriptions: 8,
	}
	admin = permissions{
		role:          AdminName,
		publish:       []string{fleet.EveryStatus},
		subscribe:     []string{fleet.EveryAnswer, fleet.EveryKept, fleet.InboxOf(AdminName) + ".>"},
		subscriptions: -1,
	}
	for _, request := range slices.Concat(reads(fleet.ChangesStream), reads(fleet.MacsStream)) {
		admin.publish = append(admin.publish, fleet.ReadPrefix+"."+request)
	}
	provision = permissions{
		role: ProvisionName,
		publish: []string{"$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*",
			"$JS.API.STREAM.UPDATE.*", "$JS.API.STREAM.DELETE." + fleet.MacsStream},
		subscribe:     []string{fleet.InboxOf(ProvisionName) + ".>"},
		subscriptions: -1,
	}
	return mac, admin, provision
}

// reads are the requests of NATS that read a stream: its messages and its description. Source:
// https://docs.nats.io/reference/reference-protocols/nats_api_reference
func reads(stream string) []string { return []string{"DIRECT.GET." + stream, "STREAM.INFO." + stream} }

// shared are the subjects that the account of the streams and Macs exports, and the account of the admins imports.
func shared(account string) (exports jwt.Exports, imports jwt.Imports) {
	add := func(kind jwt.ExportType, subject, local string, answers jwt.ResponseType) {
		exports.Add(&jwt.Export{Name: subject, Subject: jwt.Subject(subject), Type: kind, ResponseType: answers})
		imports.Add(&jwt.Import{Name: subject, Subject: jwt.Subject(subject), LocalSubject: jwt.RenamingSubject(local),
			Type: kind, Account: account})
	}
	// a question has no reply subject here
	add(jwt.Service, fleet.EveryStatus, fleet.EveryStatus, jwt.ResponseTypeSingleton)
	for _, request := range slices.Concat(reads(fleet.ChangesStream), reads(fleet.MacsStream)) {
		answers := jwt.ResponseType(jwt.ResponseTypeSingleton)
		if request == reads(fleet.ChangesStream)[0] {
			answers = jwt.ResponseTypeStream
		}
		add(jwt.Service, "$JS.API."+request, fleet.ReadPrefix+"."+request, answers)
	}
	add(jwt.Stream, fleet.EveryAnswer, fleet.EveryAnswer, "")
	add(jwt.Stream, fleet.EveryKept, fleet.EveryKept, "")
	return exports, imports
}

func newIdentities(options Options) (*identities, error) {
	made := &identities{}
	system, err := nkeys.CreateAccount()
	if err != nil {
		return nil, err
	}
	for pair, create := range map[*nkeys.KeyPair]func() (nkeys.KeyPair, error){
		&made.operatorPair: nkeys.CreateOperator, &made.accountPair: nkeys.CreateAccount,
		&made.adminsPair: nkeys.CreateAccount,
		&made.macPair:    nkeys.CreateAccount, &made.adminPair: nkeys.CreateAccount,
		&made.provisionPair: nkeys.CreateAccount,
	} {
		if *pair, err = create(); err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
	}
	made.systemKey, made.accountKey, made.adminsKey = public(system), public(made.accountPair), public(made.adminsPair)

	operator := jwt.NewOperatorClaims(public(made.operatorPair))
	operator.Name = options.Organization
	operator.SystemAccount = made.systemKey
	if made.operator, err = operator.Encode(made.operatorPair); err != nil {
		return nil, fmt.Errorf("make the operator: %w", err)
	}
	systemAccount := jwt.NewAccountClaims(made.systemKey)
	systemAccount.Name = "SYS"
	if made.system, err = systemAccount.Encode(made.operatorPair); err != nil {
		return nil, fmt.Errorf("make the system account: %w", err)
	}
	account, admins := jwt.NewAccountClaims(made.accountKey), jwt.NewAccountClaims(made.adminsKey)
	account.Name, admins.Name = "USHER", "USHER_ADMINS"
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{
		DiskStorage: options.StorageBytes * int64(len(options.Servers)), MemoryStorage: 0,
		Streams: 2, Consumer: -1, MaxAckPending: -1, DiskMaxStreamBytes: 0,
	}
	account.Exports, admins.Imports = shared(made.accountKey)
	mac, admin, provision := roles()
	for _, one := range []struct {
		account *jwt.AccountClaims
		signer  nkeys.KeyPair
		role    permissions
	}{{account, made.macPair, mac}, {account, made.provisionPair, provision}, {admins, made.adminPair, admin}} {
		scope := jwt.NewUserScope()
		scope.Key, scope.Role = public(one.signer), one.role.role
		scope.Template.Pub.Allow, scope.Template.Sub.Allow = one.role.publish, one.role.subscribe
		scope.Template.Subs = one.role.subscriptions
		scope.Template.Payload = maximumPayload
		one.account.SigningKeys.AddScopedSigner(scope)
	}
	if made.account, err = account.Encode(made.operatorPair); err != nil {
		return nil, fmt.Errorf("make the account of Macs: %w", err)
	}
	if made.admins, err = admins.Encode(made.operatorPair); err != nil {
		return nil, fmt.Errorf("make the account of admins: %w", err)
	}
	return made, nil
}

// seeds are the keys' secrets by the names of their files.
func (i *identities) seeds() map[string][]byte {
	seeds := make(map[string][]byte)
	for name, pair := range map[string]nkeys.KeyPair{
		operatorSeed: i.operatorPair, accountSeed: i.accountPair, adminsSeed: i.adminsPair, macSeed: i.macPair,
		adminSeed: i.adminPair, provisionSeed: i.provisionPair,
	} {
		seed, err := pair.Seed()
		if err != nil {
			panic("a key that was just made has no seed: " + err.Error())
		}
		seeds[name] = append(seed, '\n')
	}
	return seeds
}

// signer is the key of a role, and the account that it signs for.
type signer struct {
	pair    nkeys.KeyPair
	account string
}

// credentials makes a credentials file for a name, and returns the public key in it. The account holds the permissions,
// with the key that signs it.
func (s signer) credentials(name string, valid time.Duration) (content []byte, key string, err error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	defer user.Wipe()
	claims := jwt.NewUserClaims(public(user))
	claims.Name = name
	claims.IssuerAccount = s.account
	claims.SetScoped(true)
	claims.Expires = time.Now().Add(valid).Unix()
	token, err := claims.Encode(s.pair)
	if err != nil {
		return nil, "", fmt.Errorf("sign the credentials of %s: %w", name, err)
	}
	seed, err := user.Seed()
	if err != nil {
		return nil, "", err
	}
	content, err = jwt.FormatUserConfig(token, seed)
	return content, claims.Subject, err
}

func public(pair nkeys.KeyPair) string {
	key, err := pair.PublicKey()
	if err != nil {
		panic("a key that was just made has no public half: " + err.Error())
	}
	return key
}

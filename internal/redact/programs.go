package redact

// program describes how a program on a command line handles secrets. Each option in a list has a space before and after
// it.
type program struct {
	// takes are the options with a secret as their value and a name that does not say so.
	takes string
	// attached means that -p has the secret in the same word.
	attached bool
	// reads are the options with which it reads a secret from its standard input, or always.
	reads string
}

// always replaces the options of a program that needs none of them.
const always = "*"

var programs = map[string]program{
	"7z":                  {attached: true},
	"7za":                 {attached: true},
	"chpasswd":            {reads: always},
	"createmobileaccount": {takes: " -p "},
	"cryptsetup":          {reads: always},
	"curl":                {takes: " -u --user --proxy-user -U -b --cookie "},
	"diskutil":            {reads: " -stdinpassphrase "},
	"docker":              {takes: " -p ", reads: " --password-stdin "},
	"dsconfigad":          {takes: " -p -lp ", reads: always},
	"fdesetup":            {reads: always},
	"gh":                  {reads: " --with-token "},
	"gpg":                 {reads: " --passphrase-fd "},
	"hdiutil":             {takes: " -pass ", reads: " -stdinpass "},
	"jamf":                {takes: " -p -pass "},
	"kinit":               {reads: always},
	"ldapadd":             {takes: " -w "},
	"ldapmodify":          {takes: " -w "},
	"ldapsearch":          {takes: " -w ", reads: " -y "},
	"ldapwhoami":          {takes: " -w "},
	"mongo":               {takes: " -p "},
	"mongosh":             {takes: " -p "},
	"mysql":               {takes: " -p ", attached: true},
	"mysqladmin":          {takes: " -p ", attached: true},
	"mysqldump":           {takes: " -p ", attached: true},
	"nats":                {takes: " --creds "},
	"net":                 {takes: " -U "},
	"openssl":             {takes: " -passin -passout -pass -k ", reads: " stdin "},
	"passwd":              {reads: " --stdin "},
	"podman":              {reads: " --password-stdin "},
	"psql":                {takes: " -W "},
	"rclone":              {takes: " --pass "},
	"redis-cli":           {takes: " -a "},
	"security":            {takes: " -p -P -w -k ", reads: always},
	"smbclient":           {takes: " -U "},
	"sqlcmd":              {takes: " -P "},
	"ssh-add":             {reads: always},
	"sshpass":             {takes: " -p "},
	"su":                  {reads: always},
	"sudo":                {reads: " -S --stdin "},
	"unzip":               {takes: " -P "},
	"wget":                {takes: " --password "},
	"winexe":              {takes: " -U "},
	"zip":                 {takes: " -P "},
}

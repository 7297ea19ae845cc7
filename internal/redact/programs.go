package redact

// program is what a program of a command line does with secrets. Each list of options has a space around every one.
type program struct {
	// takes are the options behind which a secret is and whose names do not say so.
	takes string
	// attached says that -p has the secret in the same word.
	attached bool
	// reads are the options with which it reads a secret from what is piped to it, or always.
	reads string
}

// always is in the place of options that a program does not need.
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

package fleetcommands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/files"
	"usher.internal/ctl/fleetsetup"
	"usher.internal/ctl/fleetview"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/english"
	"usher.internal/internal/shell"
	"usher.internal/internal/trust"
)

// provisionedWithin is how long the servers may take to make a stream and a bucket.
const provisionedWithin = 30 * time.Second

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func (c *commands) fleetInitCommand() *cobra.Command {
	options := fleetsetup.Options{}
	var adminValid, certificatesValid days = days(year), days(2 * year)
	storage := bytesFlag(10 << 30)
	command := &cobra.Command{
		Use:   "init --server HOST [--server HOST --server HOST]",
		Short: "Write what one nats-server, or a cluster of three, needs to carry a fleet",
		Long: `Write into a new folder: for each server its nats-server.conf with certificates, for admins the access
to the fleet, for Macs what to configure, and the keys that make credentials. The servers are stock nats-servers
(2.12 or later). A Mac may publish only under its own name; an admin may ask and read. These permissions are in the
server's configuration. No server is asked, and nothing is installed.`,
		Example: `  usherctl fleet init --server nats.example.org
  usherctl fleet init --server nats1.example.org --server nats2.example.org --server nats3.example.org ` +
			`--organization Example`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			options.AdminValid, options.CertificatesValid, options.StorageBytes = time.Duration(adminValid),
				time.Duration(certificatesValid), int64(storage)
			if err := options.Check(); err != nil {
				return err
			}
			made, err := fleetsetup.Write(options)
			if err != nil {
				return fleetFiles(err)
			}
			if err := c.printMade(made); err != nil {
				return err
			}
			if c.Person && !c.JSON {
				fmt.Fprintf(c.Out, "\nNext: start the servers, then `usherctl fleet provision --fleet %[1]s`, "+
					"then `usherctl fleet credentials --fleet %[1]s MAC`.\n",
					shell.Word(terminal.Plain(options.Directory)))
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&options.Servers, "server", nil,
		"`host` name or address of a server, as Macs reach it; once, or three times")
	flags.StringVar(&options.Directory, "output", "usher-fleet",
		"write into this `folder`, which must not be there or be empty")
	flags.StringVar(&options.Organization, "organization", "usher", "`name` of the organisation, for certificates")
	flags.IntVar(&options.Port, "port", 4222, "`port` on which the servers are reached")
	flags.IntVar(&options.ClusterPort, "cluster-port", 6222,
		"`port` on which the servers of a cluster reach each other")
	flags.StringVar(&options.InstallDirectory, "install-directory", "/etc/nats",
		"where each server will have its files")
	flags.StringVar(&options.StoreDirectory, "store-directory", "/var/lib/nats", "where each server keeps its streams")
	flags.Var(&storage, "storage", "how much each server keeps on its disk at most, for example 10GiB")
	flags.Var(&adminValid, "admin-valid", "how long the admin's credentials are valid, for example 365d")
	flags.Var(&certificatesValid, "certificates-valid",
		"how long the servers' certificates are valid, for example 730d")
	return command
}

func (c *commands) fleetProvisionCommand() *cobra.Command {
	usual := fleetview.DefaultStreams()
	keep, forget, storage := days(usual.Keep), days(usual.Forget), bytesFlag(usual.StorageBytes)
	replicas, newBucket := 0, false
	command := &cobra.Command{
		Use:   "provision",
		Short: "Make the stream of changes and the bucket of last known states on the servers, or change them",
		Long: `Make the stream of changes and the bucket of last known states on the servers. If they exist, the flags
that are given change them, and everything else remains as it is. Data that is then too old or too much is
removed.`,
		Example: `  usherctl fleet provision --fleet usher-fleet
  usherctl fleet provision --fleet usher-fleet --keep 180d`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			wanted := fleetview.Streams{Replicas: replicas, NewBucket: newBucket}
			given := command.Flags().Changed
			if given("keep") {
				wanted.Keep = time.Duration(keep)
			}
			if given("forget-after") {
				wanted.Forget = time.Duration(forget)
			}
			if given("storage") {
				wanted.StorageBytes = int64(storage)
			}
			switch {
			case given("replicas") && replicas != 1 && replicas != 3:
				return fmt.Errorf("--replicas is %d; it is 1 or 3", replicas)
			case given("keep") && wanted.Keep < day:
				return fmt.Errorf("--keep is %s; it is at least a day", keep)
			case given("forget-after") && wanted.Forget < day:
				return fmt.Errorf("--forget-after is %s; every Mac that is turned off for a day would be forgotten",
					forget)
			case given("storage") && wanted.StorageBytes < fleetsetup.LeastStorageBytes:
				return fmt.Errorf("--storage is %d bytes; less than 64 MiB does not carry a fleet", wanted.StorageBytes)
			}
			// Its credentials are beside the keys: admins do not need them.
			if inner := filepath.Join(c.fleetAccess(), "keys", "provision"); isFolder(inner) {
				c.folder = inner
			}
			return c.askFleet(command.Context(), func(client *fleetview.Client) error {
				ctx, cancel := context.WithTimeout(command.Context(), provisionedWithin)
				defer cancel()
				made, err := client.Provision(ctx, wanted)
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Print(map[string]any{"replicas": made.Replicas, "keep": made.Keep.String(),
						"forget_after": made.Forget.String(), "storage_bytes": made.StorageBytes})
				}
				fmt.Fprintf(c.Out, "the servers keep changes for %s, and know a Mac for %s after its last "+
					"message, in %s on %s\n",
					days(made.Keep), days(made.Forget), bytesFlag(made.StorageBytes),
					english.Count(made.Replicas, "server"))
				return nil
			})
		},
	}
	flags := command.Flags()
	flags.Var(&keep, "keep", "how long changes are kept, for example 90d")
	flags.Var(&forget, "forget-after", "how long a silent Mac is known")
	flags.Var(&storage, "storage",
		"how much of each server's disk the fleet may take; less than fleet init gave the servers")
	flags.IntVar(&replicas, "replicas", 0, "on how many servers everything is (default: 3 where there are three, or 1)")
	flags.BoolVar(&newBucket, "new-bucket", false,
		"make a new bucket of last known states from the stored changes")
	return command
}

func (c *commands) fleetCredentialsCommand() *cobra.Command {
	var valid = days(year)
	var file, output string
	command := &cobra.Command{
		Use:   "credentials [MAC ...]",
		Short: "Make the credentials of Macs",
		Long: `Make a file of credentials for each Mac, with the keys that "usherctl fleet init" has written. The name
of a Mac is its hardware UUID, in capitals as Jamf Pro has it, or its fleet.mac. For the fleet, anyone who
has the file is that Mac: give each Mac its own, readable only by root, as fleet.credentials_file. The
servers need no change.`,
		Example: `  usherctl fleet credentials --fleet usher-fleet 0A1B2C3D-0000-4000-8000-00000000BEEF
  usherctl fleet credentials --fleet usher-fleet --macs-file uuids.txt --valid 400d`,
		RunE: func(_ *cobra.Command, macs []string) error {
			if file != "" {
				more, err := files.ReadList(file, func(
					mac string) error {
					return fleetsetup.CheckMacs([]string{mac})
				})
				if _, wrong := errors.AsType[*files.LineError](err); wrong {
					return err
				}
				if err != nil {
					return fleetFiles(err)
				}
				macs = append(macs, more...)
			}
			if len(macs) == 0 {
				return errors.New("name a Mac, or a file of them with --macs-file")
			}
			if err := fleetsetup.CheckMacs(macs); err != nil {
				return err
			}
			folder := c.fleetAccess()
			made, err := fleetsetup.CredentialsFor(folder, macs, cmp.Or(output, filepath.Join(folder, "macs")),
				time.Duration(valid))
			if err != nil {
				return fleetFiles(err)
			}
			return c.printMade(made)
		},
	}
	flags := command.Flags()
	flags.StringVar(&file, "macs-file", "", "the names of Macs, one a line, from this `file`")
	flags.StringVar(&output, "output", "", "write into this `folder` (default: macs, in the fleet's folder)")
	flags.Var(&valid, "valid", "how long they are valid, for example 365d")
	return command
}

func (c *commands) fleetRenewCommand() *cobra.Command {
	var adminValid, certificatesValid days = days(year), days(2 * year)
	command := &cobra.Command{
		Use:   "renew",
		Short: "Renew the servers' certificates and the credentials of admins",
		Long: `Renew the servers' certificates and the admins' credentials in the same folder, with the keys that
"usherctl fleet init" has written. The earlier ones remain valid until they expire, so the new files can be
copied one after the other. "usherctl fleet credentials" makes the credentials of Macs.`,
		Example: "  usherctl fleet renew --fleet usher-fleet",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			made, err := fleetsetup.Renew(c.fleetAccess(), time.Duration(adminValid), time.Duration(certificatesValid))
			if err != nil {
				return fleetFiles(err)
			}
			return c.printMade(made)
		},
	}
	flags := command.Flags()
	flags.Var(&adminValid, "admin-valid", "how long the admin's credentials are valid, for example 365d")
	flags.Var(&certificatesValid, "certificates-valid",
		"how long the servers' certificates are valid, for example 730d")
	return command
}

func (c *commands) fleetRevokeCommand() *cobra.Command {
	var files []string
	command := &cobra.Command{
		Use:   "revoke [MAC ...]",
		Short: "Revoke credentials of Macs or admins",
		Long: `Revoke the credentials of a Mac, for example because the Mac or the file was stolen. Other credentials
are named by their file, for example those of an admin who leaves. The Mac's file in the fleet's folder is
removed, and new credentials can be made. Each server refuses the revoked ones as soon as it has its new
nats-server.conf.`,
		Example: `  usherctl fleet revoke --fleet usher-fleet 0A1B2C3D-0000-4000-8000-00000000BEEF
  usherctl fleet revoke --fleet usher-fleet --credentials-file admin-before-renew.creds`,
		RunE: func(_ *cobra.Command, macs []string) error {
			if len(macs) == 0 && len(files) == 0 {
				return errors.New("name a Mac, or a file of credentials with --credentials-file")
			}
			if err := fleetsetup.CheckMacs(macs); err != nil {
				return err
			}
			folder := c.fleetAccess()
			made, err := fleetsetup.Revoke(folder, macs, files)
			if err != nil {
				return fleetFiles(err)
			}
			return c.printMade(made)
		},
	}
	command.Flags().StringArrayVar(&files, "credentials-file", nil,
		"revoke the credentials in this `file` too; may be given several times")
	return command
}

// printMade prints the written files, each with its purpose.
func (c *commands) printMade(made []fleetsetup.Made) error {
	if c.JSON {
		return c.Print(map[string]any{"files": made})
	}
	var rows [][]string
	for _, one := range made {
		if one.Purpose != "" {
			rows = append(rows, []string{one.Path, one.Purpose})
		}
	}
	c.Table([]string{"FILE", "WHAT IT IS FOR"}, rows)
	return nil
}

func fleetFiles(err error) error {
	failed := &answer.Failure{Code: answer.ExitDefect, Reason: "FLEET_FILES", Message: err.Error()}
	switch {
	case errors.Is(err, fleetsetup.ErrThere):
		failed.Hint = "name another folder with --output"
	case errors.Is(err, trust.ErrUntrusted):
		failed.Hint = "use a folder of your own that only you can write to, or run it as the user whose folder it is"
	case errors.Is(err, fs.ErrNotExist):
		failed.Hint = "name the folder that `usherctl fleet init` made with --fleet"
	}
	return failed
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// days is a duration that may be given in days: 90d.
type days time.Duration

// longestDays is the longest duration that may be given.
const longestDays = 36500

// String implements pflag.Value.
func (d days) String() string {
	const day = 24 * time.Hour
	if whole := time.Duration(d); whole > 0 && whole%day == 0 {
		return strconv.Itoa(int(whole/day)) + "d"
	}
	return time.Duration(d).String()
}

// Set implements pflag.Value.
func (d *days) Set(text string) error {
	const day = 24 * time.Hour
	if number, found := strings.CutSuffix(text, "d"); found {
		if whole, err := strconv.ParseUint(number, 10, 16); err == nil && whole > 0 && whole <= longestDays {
			*d = days(time.Duration(whole) * day)
			return nil
		}
	} else if parsed, err := time.ParseDuration(text); err == nil && parsed > 0 && parsed <= longestDays*day {
		*d = days(parsed)
		return nil
	}
	return fmt.Errorf("%q is not a duration such as 90d or 12h, at most %dd", text, longestDays)
}

// Type implements pflag.Value.
func (*days) Type() string { return "duration" }

// bytesFlag is a size that is given with its unit: 10GiB.
type bytesFlag int64

var byteUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}}

// String implements pflag.Value.
func (b bytesFlag) String() string {
	for _, unit := range byteUnits {
		if size := int64(b); size >= unit.bytes && size%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", size/unit.bytes, unit.name)
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Set implements pflag.Value.
func (b *bytesFlag) Set(text string) error {
	for _, unit := range byteUnits {
		number, found := strings.CutSuffix(text, unit.name)
		if !found {
			continue
		}
		if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole > 0 && whole <= (1<<62)/unit.bytes {
			*b = bytesFlag(whole * unit.bytes)
			return nil
		}
	}
	return fmt.Errorf("%q is not a size such as 10GiB or 512MiB", text)
}

// Type implements pflag.Value.
func (*bytesFlag) Type() string { return "size" }

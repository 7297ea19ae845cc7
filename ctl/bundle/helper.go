package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	usherv1 "usher.internal/proto/usher/v1"
)

// collectWithin is how long usherd may take to send its files. To examine the Mac takes the longest.
const collectWithin = 5 * time.Minute

// maximumFromHelper is the total size, in bytes, of usherd's files.
const maximumFromHelper = 256 << 20

// list finds what goes in: usherd's files, the logs that the caller can read, and what usherctl builds from them.
func (b *bundle) list(ctx context.Context, name string) error {
	var found *usherv1.ListSupportFilesResponse
	err := b.client.Ask(ctx, func(ctx context.Context, connection *grpc.ClientConn) (err error) {
		found, err = usherv1.NewSupportServiceClient(connection).ListSupportFiles(ctx,
			&usherv1.ListSupportFilesRequest{User: name})
		return err
	})
	switch failed, _ := errors.AsType[*answer.Failure](err); {
	case err == nil:
		b.user = accountOf{name: found.GetUser().GetName(), uid: found.GetUser().GetUid()}
		b.findHome()
	case failed != nil && (failed.Code == answer.ExitNoHelper || failed.Code == answer.ExitConfiguration):
		// The archive is needed most when something is broken.
		b.problems = append(b.problems,
			fmt.Sprintf("Status, doctor's checks, the journal and what only root can read are missing: %s.",
				failed.Message))
		if err := b.find(name); err != nil {
			return err
		}
	default:
		return err
	}
	for _, file := range found.GetFiles() {
		b.files = append(b.files, &bundleFile{
			Name: file.GetName(), Description: file.GetDescription(), Source: file.GetSource(),
			Bytes: file.GetSizeEstimate(),
		})
	}
	b.addConfiguration()
	ended := b.client.AfterAWhile("looking for logs…")
	err = b.addLogs(ctx)
	ended()
	if err != nil {
		return err
	}
	b.files = append(b.files, &bundleFile{Name: pageName,
		Description: "the timeline of the registrations, built from these files, for a browser", Source: fromHere})
	return nil
}

// collect writes usherd's files below the folder as each arrives.
func (b *bundle) collect(ctx context.Context, folder string) error {
	var names []string
	for _, file := range b.files {
		if file.fill == nil && file.Source != fromHere {
			names = append(names, file.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return b.client.AskWithin(ctx, collectWithin, func(ctx context.Context, connection *grpc.ClientConn) error {
		stream, err := usherv1.NewSupportServiceClient(connection).CollectSupportFiles(ctx,
			&usherv1.CollectSupportFilesRequest{User: b.user.name, Names: names})
		if err != nil {
			return err
		}
		r := &receiver{bundle: b, folder: folder}
		for {
			response, err := stream.Recv()
			if err == nil {
				err = r.take(response)
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return errors.Join(err, r.close())
			}
		}
	})
}

// receiver writes what usherd sends into files.
type receiver struct {
	bundle *bundle
	folder string
	// now is the file that usherd sends; written is the number of bytes of all of them.
	now     *bundleFile
	to      *os.File
	written int
}

func (r *receiver) take(response *usherv1.CollectSupportFilesResponse) error {
	switch part := response.GetPart().(type) {
	case *usherv1.CollectSupportFilesResponse_File:
		if err := r.close(); err != nil {
			return err
		}
		name := part.File.GetName()
		at := slices.IndexFunc(r.bundle.files,
			func(file *bundleFile) bool { return file.Name == name && file.fill == nil })
		if at < 0 || !filepath.IsLocal(name) {
			return fmt.Errorf("usherd sends %q, which it was not asked for", name)
		}
		r.now = r.bundle.files[at]
		var err error
		r.to, err = stage(r.folder, r.now)
		return err
	case *usherv1.CollectSupportFilesResponse_Data:
		if r.written += len(part.Data); r.written > maximumFromHelper || r.to == nil {
			return errors.New("usherd sends more than it may")
		}
		_, err := r.to.Write(part.Data)
		return err
	case *usherv1.CollectSupportFilesResponse_Problem:
		if r.now != nil {
			r.now.Problem = part.Problem
		}
	}
	return nil
}

func (r *receiver) close() error {
	if r.to == nil {
		return nil
	}
	err := r.to.Close()
	r.to = nil
	return err
}

// stage creates the file that holds the content until it goes into the archive.
func stage(folder string, file *bundleFile) (*os.File, error) {
	path := filepath.Join(folder, filepath.FromSlash(file.Name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		file.staged = path
	}
	return to, err
}

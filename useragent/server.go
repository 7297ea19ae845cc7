package useragent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os/user"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/command"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/portal"
)

// portalRunner is what the server needs of [portal.Runner].
type portalRunner interface {
	Run(ctx context.Context, registrationID string, attachOnly bool, send func(portal.Event) error) error
	Stop(ctx context.Context, registrationID string) (wpj.Exit, error)
}

// identitySource is a place where an identity may be. Look never fails: that it could not look is evidence too.
type identitySource interface {
	// Place is the source that its evidence names.
	Place() wpj.Source
	Look(ctx context.Context) wpj.Evidence
}

// serverConfig is what a server works with.
type serverConfig struct {
	Portal   portalRunner
	Keychain loginKeychain
	// Leftovers finds what a registration has left in the session.
	Leftovers leftoverKeeper
	// JamfState is the property list in which Jamf's gatherAADInfo keeps its state.
	JamfState string
	// settings are the first settings; [server.use] replaces them.
	settings
	// Connected is called each time that the helper has accepted the agent; it may be nil.
	Connected func()
	Version   string
	// Logger may be nil.
	Logger *slog.Logger
}

// settings are the server's settings from the configuration.
type settings struct {
	Sources []identitySource
	// Gather is Jamf's own gatherAADInfo.
	Gather command.Command
	// AppSSO is asked before Company Portal is launched.
	AppSSO command.Command
}

// server answers the helper. It does not check its caller: the link serves only the helper.
type server struct {
	usherv1.UnimplementedUserAgentServiceServer
	serverConfig
	started time.Time
	// gathering holds a value while Jamf's program runs: two at a time would ask the user twice.
	gathering chan struct{}
	now       atomic.Pointer[settings]
}

func newServer(config serverConfig) *server {
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	s := &server{serverConfig: config, started: time.Now(), gathering: make(chan struct{}, 1)}
	s.use(config.settings)
	return s
}

// use applies other settings from the next call on.
func (s *server) use(others settings) { s.now.Store(&others) }

// GetSessionInfo implements usherv1.UserAgentServiceServer.
func (s *server) GetSessionInfo(context.Context, *usherv1.GetSessionInfoRequest) (*usherv1.GetSessionInfoResponse,
	error) {
	who, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("find name of own user: %w", err)
	}
	return &usherv1.GetSessionInfoResponse{
		AgentVersion: s.Version, UserName: who.Username, StartTime: timestamppb.New(s.started),
	}, nil
}

// look looks at every source in parallel, and returns their evidence in their order. With leave it does not touch the
// login keychain, and returns no evidence of it.
func (s *server) look(ctx context.Context, leave bool) []wpj.Evidence {
	sources := s.now.Load().Sources
	if leave {
		sources = slices.DeleteFunc(slices.Clone(sources),
			func(one identitySource) bool { return one.Place() == wpj.SourceLoginKeychain })
	}
	evidence := make([]wpj.Evidence, len(sources))
	var looks sync.WaitGroup
	for i, source := range sources {
		looks.Go(func() { evidence[i] = source.Look(ctx) })
	}
	looks.Wait()
	return evidence
}

// ReadIdentity implements usherv1.UserAgentServiceServer.
func (s *server) ReadIdentity(ctx context.Context, request *usherv1.ReadIdentityRequest) (*usherv1.ReadIdentityResponse,
	error) {
	response := &usherv1.ReadIdentityResponse{}
	for _, evidence := range s.look(ctx, request.GetLeaveLoginKeychain()) {
		response.Evidence = append(response.Evidence, contract.EvidenceToProto(evidence))
	}
	return response, nil
}

//go:build linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// partPrefix begins the file names of copies of this program that play a part in a test.
const partPrefix = "usher-e2e-plays-"

// playPart plays the part that this copy of the program is named for. It returns false in the program itself.
func playPart() (exitCode int, plays bool) {
	part, plays := strings.CutPrefix(filepath.Base(os.Args[0]), partPrefix)
	if !plays {
		return 0, false
	}
	if part == "helper" {
		return playHelper(os.Args[1], os.Args[2]), true
	}
	if part == "flood" {
		return playFlood(os.Args[1], os.Args[2]), true
	}
	configFile := flag.String("config", "", "")
	flag.Parse()
	return playAgent(part, *configFile), true
}

// playHelper is a false helper: it puts its own sockets in usherd's place, lets every agent in, and prints how many
// bytes came from each caller.
func playHelper(helperSocket, agentSocket string) int {
	for _, path := range []string{helperSocket, agentSocket} {
		os.Remove(path)
		listener, err := net.Listen("unix", path)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		os.Chmod(path, 0o666)
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer connection.Close()
					if path == agentSocket {
						io.WriteString(connection, "usher-link/1 accepted\nPRI * "+
							"HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
					}
					fmt.Printf("%s: %d bytes\n", filepath.Base(path), reads(connection))
				}()
			}
		}()
	}
	fmt.Println("false helper serves")
	select {}
}

// playAgent is an agent that was let in and lies, in one of several ways.
func playAgent(part, configFile string) int {
	loaded, err := config.Load(configFile)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	err = link.ServeReversed(context.Background(), link.AgentConfig{
		Path:          loaded.AgentSocket(),
		ServerUID:     0,
		Register:      func(server *grpc.Server) { usherv1.RegisterUserAgentServiceServer(server, &liar{part: part}) },
		ServerOptions: []grpc.ServerOption{grpc.MaxSendMsgSize(64 << 20), grpc.WaitForHandlers(false)},
		Logger:        slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	fmt.Fprintln(os.Stderr, err)
	return 0
}

// liar gives answers that no agent should give. Where its part does not spoil them, its answers are those of a portal
// that succeeds and leaves nothing behind.
type liar struct {
	usherv1.UnimplementedUserAgentServiceServer
	part string
}

func (l *liar) GetSessionInfo(ctx context.Context, _ *usherv1.GetSessionInfoRequest) (*usherv1.GetSessionInfoResponse,
	error) {
	switch l.part {
	case "mute":
		<-ctx.Done()
		return nil, ctx.Err()
	case "root":
		return &usherv1.GetSessionInfoResponse{AgentVersion: strings.Repeat("\x1b[31m", 100_000), UserName: "root"}, nil
	}
	return &usherv1.GetSessionInfoResponse{AgentVersion: "1.0.0"}, nil
}

func (l *liar) RunPortal(_ *usherv1.RunPortalRequest,
	stream grpc.ServerStreamingServer[usherv1.RunPortalResponse]) error {
	started := &usherv1.RunPortalResponse{
		Event: &usherv1.RunPortalResponse_Started{Started: &usherv1.PortalStarted{Pid: -1}}}
	exited := &usherv1.RunPortalResponse{
		Event: &usherv1.RunPortalResponse_Exit{Exit: &usherv1.PortalExit{How: &usherv1.PortalExit_Code{}}}}
	milestone := func(kind int32, at time.Time, detail string) *usherv1.RunPortalResponse {
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Milestone{Milestone: &usherv1.Milestone{
			Kind: usherv1.MilestoneKind(kind), Time: timestamppb.New(at), Detail: detail,
		}}}
	}
	switch l.part {
	case "endless", "huge":
		stream.Send(started)
		size := 1_000_000
		if l.part == "huge" {
			size = 32 << 20
		}
		for i := 0; ; i++ {
			if err := stream.Send(milestone(1, time.Unix(int64(i), 0), strings.Repeat("ä\x1b", size/3))); err != nil {
				return err
			}
		}
	case "silent-portal":
		<-stream.Context().Done()
		return stream.Context().Err()
	case "enums":
		stream.Send(started)
		stream.Send(milestone(-9999, time.Unix(-1<<40, 0), "\x1b]0;owned\a"))
		stream.Send(&usherv1.RunPortalResponse{})
		stream.Send(&usherv1.RunPortalResponse{
			Event: &usherv1.RunPortalResponse_Exit{Exit: &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: -5}}}})
		return nil
	case "exit-first":
		stream.Send(&usherv1.RunPortalResponse{
			Event: &usherv1.RunPortalResponse_Exit{Exit: &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 66}}}})
		stream.Send(started)
		return nil
	}
	stream.Send(started)
	stream.Send(exited)
	return nil
}

func (l *liar) StopPortal(ctx context.Context, _ *usherv1.StopPortalRequest) (*usherv1.StopPortalResponse, error) {
	return &usherv1.StopPortalResponse{Exit: &usherv1.PortalExit{How: &usherv1.PortalExit_Signal{Signal: 4711}}}, nil
}

func (l *liar) ReadIdentity(ctx context.Context, _ *usherv1.ReadIdentityRequest) (*usherv1.ReadIdentityResponse,
	error) {
	switch l.part {
	case "silent-identity":
		<-ctx.Done()
		return nil, ctx.Err()
	case "garbage":
		var evidence []*usherv1.Evidence
		for range 500 {
			evidence = append(evidence, &usherv1.Evidence{
				Source:  usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
				Finding: usherv1.Finding_FINDING_FOUND,
				Certificates: []*usherv1.DeviceCertificate{
					{Der: []byte(strings.Repeat("\x30\x82\xff", 300)), HasPrivateKey: true}, {}},
			})
		}
		return &usherv1.ReadIdentityResponse{Evidence: evidence}, nil
	case "broken-certificate":
		return &usherv1.ReadIdentityResponse{Evidence: []*usherv1.Evidence{{
			Source: usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN, Finding: usherv1.Finding_FINDING_FOUND,
			Certificates: []*usherv1.DeviceCertificate{
				{Der: []byte("\x30\x82MS-Organization-Access\x1b[2J"), HasPrivateKey: true}},
		}}}, nil
	case "enums":
		return &usherv1.ReadIdentityResponse{
			Evidence: []*usherv1.Evidence{{Source: 77, Finding: 99, Obstacle: -3, Detail: "\x1b[2J"}, {}}}, nil
	case "heavy-keys":
		evidence, err := heavyEvidence()
		return &usherv1.ReadIdentityResponse{Evidence: evidence}, err
	case "device-formula", "device-path":
		id := map[string]string{"device-formula": plantedFormula, "device-path": plantedPath}[l.part]
		return &usherv1.ReadIdentityResponse{Evidence: []*usherv1.Evidence{{
			Source: usherv1.IdentitySource_IDENTITY_SOURCE_SECURE_ENCLAVE, Finding: usherv1.Finding_FINDING_FOUND,
			DeviceId:          id,
			UserPrincipalName: "jane@example.com",
			Facts:             &usherv1.Evidence_SecureEnclave{SecureEnclave: &usherv1.SecureEnclaveFacts{Status: 2}},
		}}}, nil
	case "huge":
		return &usherv1.ReadIdentityResponse{Evidence: []*usherv1.Evidence{{Detail: strings.Repeat("x", 32<<20)}}}, nil
	}
	return &usherv1.ReadIdentityResponse{Evidence: []*usherv1.Evidence{{
		Source: usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN, Finding: usherv1.Finding_FINDING_NOT_THERE,
	}}}, nil
}

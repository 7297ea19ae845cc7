package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/helper/delivery"
	"usher.internal/helper/reporter"
	"usher.internal/internal/fleet"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// samplePayload is what a Mac with one user reports.
func samplePayload(name string) []byte {
	content, err := proto.Marshal(&usherv1.MacStatus{
		Mac: name, Instance: "0199b3a2-4c1d-7abc-8def-0123456789ab", Time: timestamppb.Now(), Version: "1.0.0",
		StartTime: timestamppb.Now(), OperatingSystem: "macOS 15.1",
		ComputerName: "Jane's MacBook Pro", State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED,
		DeliveryMode: "recon",
		Users: []*usherv1.MacUser{{
			Uid: 501, Name: "jane", State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED, Detail: sampleDetail,
			DeviceId: "0A1B2C3D-0000-4000-8000-00000000BEEF",
			TenantId: "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11", UserPrincipalName: "jane@example.org",
			LookTime: timestamppb.Now(), LoggedIn: true, OnConsole: true,
			RegistrationState: usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED,
			RegistrationTime:  timestamppb.Now(),
		}},
	})
	if err != nil {
		panic(err)
	}
	return content
}

const sampleDetail = "The login keychain holds a device certificate that is valid until 2036-11-24, its private key " +
	"and its user."

// crowdOf is the code of the crowd's process: it prints ready when all are connected, and obeys its input until that
// ends.
func crowdOf(role string, arguments []string) error {
	count, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	how := func(number int) fleet.Access {
		return fleet.Access{
			Servers: strings.Split(arguments[2], ","), CAFile: filepath.Join(arguments[1], "macs", "ca.pem"),
			CredentialsFile: filepath.Join(arguments[1], "macs", macNumber(number)+".creds"),
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if role == bareRole {
		return bareCrowd(count, how)
	}
	return macCrowd(ctx, count, how)
}

func bareCrowd(count int, how func(int) fleet.Access) error {
	for i := range count {
		name := macNumber(i)
		options, err := how(i).Options("bench", name)
		if err != nil {
			return err
		}
		conn, err := nats.Connect(strings.Join(how(i).Servers, ","), options...)
		if err != nil {
			return err
		}
		payload := samplePayload(name)
		if _, err := conn.Subscribe(fleet.StatusOfAll, func(request *nats.Msg) {
			answer, _ := fleet.AnswerOf(string(request.Data), name)
			conn.Publish(answer, payload)
		}); err != nil {
			return err
		}
		if err := conn.Flush(); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// steady is a Mac in the state of samplePayload.
type steady struct{}

// Status implements the Mac's interface.
func (steady) Status() (*usherv1.GetStatusResponse, error) {
	return &usherv1.GetStatusResponse{
		Computer: &usherv1.ComputerStatus{Name: "Jane's MacBook Pro", OperatingSystem: "macOS 15.1"},
		Helper:   &usherv1.HelperStatus{Version: "1.0.0", StartTime: timestamppb.Now(), DeliveryMode: "recon"},
		Outbox:   &usherv1.OutboxStatus{},
		Users: []*usherv1.UserStatus{{
			User: &usherv1.User{Name: "jane", Uid: 501}, Session: &usherv1.SessionStatus{OnConsole: true},
			LookTime: timestamppb.Now(),
			Identity: &usherv1.Identity{State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED, Detail: sampleDetail,
				DeviceId: "0A1B2C3D-0000-4000-8000-00000000BEEF",
				TenantId: "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11", UserPrincipalName: "jane@example.org"},
			LastRegistration: &usherv1.Registration{State: usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED,
				UpdateTime: timestamppb.Now()},
		}},
	}, nil
}

// queue is an outbox without a journal: the measurement is about a Mac's work, not about the disk of one computer that
// holds all Macs.
type queue struct {
	mu      sync.Mutex
	waiting []delivery.Delivery
	more    chan struct{}
	empty   *sync.WaitGroup
}

// Unpublished implements the Mac's interface.
func (q *queue) Unpublished(limit int) ([]delivery.Delivery, int, int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.waiting[:min(limit, len(q.waiting))]), len(q.waiting), 0, nil
}

// Published implements the Mac's interface.
func (q *queue) Published(ids ...uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := len(q.waiting)
	q.waiting = slices.DeleteFunc(q.waiting, func(one delivery.Delivery) bool { return slices.Contains(ids, one.ID) })
	if before > 0 && len(q.waiting) == 0 {
		q.empty.Done()
	}
	return nil
}

// Publishable implements the Mac's interface.
func (q *queue) Publishable() <-chan struct{} { return q.more }

// connects is the log of the Macs: it reports when they are connected.
type connects struct {
	count   atomic.Int64
	waiting chan struct{}
}

// Enabled implements [slog.Handler].
func (c *connects) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (c *connects) Handle(_ context.Context, record slog.Record) error {
	if record.Message == "connected to the fleet" {
		c.count.Add(1)
		c.waiting <- struct{}{}
	}
	return nil
}

// WithAttrs implements [slog.Handler].
func (c *connects) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup implements [slog.Handler].
func (c *connects) WithGroup(string) slog.Handler { return c }

func macCrowd(ctx context.Context, count int, how func(int) fleet.Access) error {
	connected := &connects{waiting: make(chan struct{}, count)}
	var emptied sync.WaitGroup
	queues := make([]*queue, count)
	for i := range count {
		queues[i] = &queue{more: make(chan struct{}, 1), empty: &emptied}
		settings := reporter.Settings{Access: how(i), PersonalData: true, MacName: macNumber(i)}
		one := reporter.New(reporter.Config{Outbox: queues[i], Settings: func() reporter.Settings { return settings },
			Logger: slog.New(connected)})
		if i >= connectingAtOnce {
			<-connected.waiting
		}
		go one.Run(ctx, steady{})
	}
	for range min(count, connectingAtOnce) {
		<-connected.waiting
	}
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		emptied.Add(count)
		for _, one := range queues {
			one.mu.Lock()
			for number := range stormChanges {
				one.waiting = append(one.waiting,
					delivery.Delivery{ID: uint64(number + 1), CreatedAt: time.Now(), Report: delivery.Report{
						UID: 501, UserName: "jane", Outcome: "SUCCEEDED",
						Identity: &wpj.Identity{State: wpj.StateRegistered}, At: time.Now(),
					}})
			}
			one.mu.Unlock()
			one.more <- struct{}{}
		}
		emptied.Wait()
		fmt.Println("published")
	}
	return input.Err()
}

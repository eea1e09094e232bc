// A server on grpc-go that answers what the others answer: ../../servers/answers.ts.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/durationpb"
	"realchat.example/benchmarks/presence"
)

type server struct {
	presence.UnimplementedPresenceApiServer
	messagesPerStream int
}

var messagesSent atomic.Int64

func (server) RefreshSession(context.Context, *presence.RefreshSessionRequest) (*presence.RefreshSessionResponse, error) {
	messagesSent.Add(1)
	return &presence.RefreshSessionResponse{HeartbeatInterval: &durationpb.Duration{Seconds: 20}}, nil
}

func (server) GetPresence(_ context.Context, request *presence.GetPresenceRequest) (*presence.GetPresenceResponse, error) {
	messagesSent.Add(1)
	presences := make([]*presence.UserPresence, len(request.UserIds))
	for index, userID := range request.UserIds {
		presences[index] = &presence.UserPresence{UserId: userID, Online: true, DeviceIds: []string{"phone"}, Version: 1_700_000_000_000_000, Shard: 7}
	}
	return &presence.GetPresenceResponse{Presences: presences}, nil
}

func (s server) WatchPresence(_ *presence.WatchPresenceRequest, stream presence.PresenceApi_WatchPresenceServer) error {
	for range s.messagesPerStream {
		update := &presence.PresenceUpdateEvent{UserId: "user-1", Status: presence.PresenceStatus_PRESENCE_STATUS_ONLINE, Version: 1_700_000_000_000_000}
		if err := stream.Send(&presence.WatchPresenceResponse{Updates: []*presence.PresenceUpdateEvent{update}}); err != nil {
			return err
		}
		messagesSent.Add(1)
	}
	return nil
}

func main() {
	tls := flag.String("tls", "", "folder with certificate.pem and key.pem")
	messagesPerStream := flag.Int("messages", 1, "messages of each answer to WatchPresence")
	flag.Parse()
	var options []grpc.ServerOption
	if *tls != "" {
		certificate, err := credentials.NewServerTLSFromFile(*tls+"/certificate.pem", *tls+"/key.pem")
		check(err)
		options = append(options, grpc.Creds(certificate))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	serving := grpc.NewServer(options...)
	presence.RegisterPresenceApiServer(serving, server{messagesPerStream: *messagesPerStream})
	go func() { check(serving.Serve(listener)) }()
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	answerWithUsage()
}

// Answers each line of stdin with what this process has used and done so far, until there are no more.
func answerWithUsage() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var usage syscall.Rusage
		check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		cpuUs := (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
		fmt.Printf("{\"cpuUs\":%d,\"messagesSent\":%d,\"residentBytes\":%d}\n", cpuUs, messagesSent.Load(), residentBytes())
	}
}

// Source: proc_pid_statm(5), of Linux; elsewhere 0.
func residentBytes() int {
	var all, resident int
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		fmt.Sscan(string(statm), &all, &resident)
	}
	return resident * os.Getpagesize()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

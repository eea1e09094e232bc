// A presence service as one would write it first, on grpc-go and go-redis: each session is a key with a TTL. Its commands are
// those of ../../../redis/key-per-session.ts.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"realchat.example/benchmarks/presence"
)

const ttl = time.Hour
const channel = "presence:updates"

type server struct {
	presence.UnimplementedPresenceApiServer
	redis *redis.Client
}

func (s server) RegisterSession(ctx context.Context, request *presence.RegisterSessionRequest) (*presence.RegisterSessionResponse, error) {
	devices := devicesKey(request.UserId)
	var live *redis.IntCmd
	_, err := s.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, sessionKey(request.UserId, request.DeviceId), request.InstanceId+" "+request.ConnectionId, ttl)
		pipe.SAdd(ctx, devices, request.DeviceId)
		pipe.Expire(ctx, devices, ttl)
		live = pipe.SCard(ctx, devices)
		return nil
	})
	if err == nil && live.Val() == 1 {
		err = s.redis.Publish(ctx, channel, request.UserId+" online").Err()
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return &presence.RegisterSessionResponse{SessionId: request.ConnectionId, HeartbeatInterval: durationpb.New(ttl / 3)}, nil
}

func (s server) RefreshSession(ctx context.Context, request *presence.RefreshSessionRequest) (*presence.RefreshSessionResponse, error) {
	var session *redis.BoolCmd
	_, err := s.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		session = pipe.Expire(ctx, sessionKey(request.UserId, request.DeviceId), ttl)
		pipe.Expire(ctx, devicesKey(request.UserId), ttl)
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	if !session.Val() {
		return nil, status.Error(codes.NotFound, "the session is gone")
	}
	return &presence.RefreshSessionResponse{HeartbeatInterval: durationpb.New(ttl / 3)}, nil
}

func (s server) UnregisterSession(ctx context.Context, request *presence.UnregisterSessionRequest) (*presence.UnregisterSessionResponse, error) {
	devices := devicesKey(request.UserId)
	var live *redis.IntCmd
	_, err := s.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Del(ctx, sessionKey(request.UserId, request.DeviceId))
		pipe.SRem(ctx, devices, request.DeviceId)
		live = pipe.SCard(ctx, devices)
		return nil
	})
	if err == nil && live.Val() == 0 {
		err = s.redis.Publish(ctx, channel, request.UserId+" offline").Err()
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return &presence.UnregisterSessionResponse{}, nil
}

func sessionKey(user, device string) string { return "presence:session:" + user + ":" + device }
func devicesKey(user string) string         { return "presence:devices:" + user }

func unavailable(err error) error { return status.Error(codes.Unavailable, err.Error()) }

func main() {
	url := flag.String("redis", "", "redis://host:port")
	flag.Parse()
	options, err := redis.ParseURL(*url)
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	serving := grpc.NewServer()
	presence.RegisterPresenceApiServer(serving, server{redis: redis.NewClient(options)})
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() { check(serving.Serve(listener)) }()
	io.Copy(io.Discard, os.Stdin)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

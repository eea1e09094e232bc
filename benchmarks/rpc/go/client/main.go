// Calls a server as a service in production does: with a deadline and metadata of its own on every call.
//
// Each line of stdin, such as {"forMs":500} or {"forMs":500,"perSecond":8000}, is a round: it is run, and answered by a
// line with what came of it. The end of stdin is the end of the program.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"realchat.example/benchmarks/presence"
)

type order struct {
	ForMs int
	// Calls begun each second, whether or not others were answered; 0: each caller waits for its answer.
	PerSecond float64
}

type outcome struct {
	Calls    int   `json:"calls"`
	Messages int64 `json:"messages"`
	P50Us    int64 `json:"p50Us"`
	P99Us    int64 `json:"p99Us"`
}

type call func(context.Context, presence.PresenceApiClient) (messages int, err error)

var calls = map[string]call{"refresh-session": refreshSession, "get-presence": getPresence, "watch-presence": watchPresence}

func main() {
	address := flag.String("address", "", "host:port")
	ca := flag.String("ca", "", "PEM file with whom to trust; empty: no TLS")
	method := flag.String("method", "refresh-session", "refresh-session, get-presence or watch-presence")
	connections := flag.Int("connections", 1, "")
	inFlight := flag.Int("in-flight", 1, "calls under way on each connection")
	flag.Parse()
	callers := connect(*address, *ca, *connections)
	orders := json.NewDecoder(os.Stdin)
	for {
		var next order
		if err := orders.Decode(&next); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		line, _ := json.Marshal(run(next, callers, calls[*method], *inFlight))
		fmt.Println(string(line))
	}
}

func connect(address, ca string, connections int) []presence.PresenceApiClient {
	security := insecure.NewCredentials()
	if ca != "" {
		var err error
		security, err = credentials.NewClientTLSFromFile(ca, "")
		check(err)
	}
	callers := make([]presence.PresenceApiClient, connections)
	for index := range callers {
		connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(security))
		check(err)
		callers[index] = presence.NewPresenceApiClient(connection)
	}
	return callers
}

func run(order order, callers []presence.PresenceApiClient, call call, inFlight int) outcome {
	if order.PerSecond > 0 {
		return openLoop(order, callers, call)
	}
	return closedLoop(order, callers, call, inFlight)
}

func closedLoop(order order, callers []presence.PresenceApiClient, call call, inFlight int) outcome {
	end := time.Now().Add(time.Duration(order.ForMs) * time.Millisecond)
	latencies := make([][]int64, len(callers)*inFlight)
	var messages atomic.Int64
	var all sync.WaitGroup
	for index := range latencies {
		all.Go(func() {
			for begun := time.Now(); begun.Before(end); begun = time.Now() {
				messages.Add(makeCall(call, callers[index%len(callers)]))
				latencies[index] = append(latencies[index], time.Since(begun).Microseconds())
			}
		})
	}
	all.Wait()
	return outcomeOf(slices.Concat(latencies...), messages.Load())
}

// Latency counts from when a call was due, so that a late generator does not flatter what it measures.
func openLoop(order order, callers []presence.PresenceApiClient, call call) outcome {
	start := time.Now()
	latencies := make([]int64, int(order.PerSecond*float64(order.ForMs)/1000))
	var messages atomic.Int64
	var all sync.WaitGroup
	for index := range latencies {
		due := start.Add(time.Duration(float64(index) / order.PerSecond * float64(time.Second)))
		time.Sleep(time.Until(due))
		all.Go(func() {
			messages.Add(makeCall(call, callers[index%len(callers)]))
			latencies[index] = time.Since(due).Microseconds()
		})
	}
	all.Wait()
	return outcomeOf(latencies, messages.Load())
}

func outcomeOf(latencies []int64, messages int64) outcome {
	slices.Sort(latencies)
	at := func(share float64) int64 { return latencies[int(share*float64(len(latencies)-1))] }
	return outcome{len(latencies), messages, at(0.5), at(0.99)}
}

const deadline = 10 * time.Second

var requests atomic.Uint64

func makeCall(call call, caller presence.PresenceApiClient) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	id := fmt.Sprintf("7d444840-9dc0-11d1-b245-%012x", requests.Add(1))
	messages, err := call(metadata.AppendToOutgoingContext(ctx, "x-request-id", id), caller)
	check(err)
	return int64(messages)
}

var refreshRequest = &presence.RefreshSessionRequest{
	UserId: "331e5d67-0f5c-4f0e-9c1b-0242ac120002", DeviceId: "8a337de7-91a4-4c0e-a3b5-0242ac120002", SessionId: "1700000000000000.7",
}

func refreshSession(ctx context.Context, caller presence.PresenceApiClient) (int, error) {
	answer, err := caller.RefreshSession(ctx, refreshRequest)
	if err == nil && answer.HeartbeatInterval.GetSeconds() != 20 {
		err = fmt.Errorf("not the heartbeat interval that every server answers: %v", answer)
	}
	return 1, err
}

var presenceRequest = &presence.GetPresenceRequest{UserIds: userIDs(100)}

func userIDs(count int) []string {
	ids := make([]string, count)
	for index := range ids {
		ids[index] = fmt.Sprintf("331e5d67-0f5c-4f0e-9c1b-%012x", index)
	}
	return ids
}

func getPresence(ctx context.Context, caller presence.PresenceApiClient) (int, error) {
	answer, err := caller.GetPresence(ctx, presenceRequest)
	if err == nil && len(answer.Presences) != len(presenceRequest.UserIds) {
		err = fmt.Errorf("asked for %d users, got %d", len(presenceRequest.UserIds), len(answer.Presences))
	}
	return 1, err
}

func watchPresence(ctx context.Context, caller presence.PresenceApiClient) (int, error) {
	stream, err := caller.WatchPresence(ctx, &presence.WatchPresenceRequest{})
	if err != nil {
		return 0, err
	}
	for messages := 0; ; messages++ {
		if _, err := stream.Recv(); err == io.EOF {
			return messages, nil
		} else if err != nil {
			return messages, err
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

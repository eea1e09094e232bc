// Command grpc-go runs the interoperability cases of Go's gRPC, in its own words, against a server on this machine. One
// process and one connection run them all; the official client does one case a process.
//
// It tells of each case that it passed and ends with an error at the first that did not.
package main

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"
)

var (
	address     = flag.String("address", "", "host:port of the server")
	caFile      = flag.String("ca_file", "", "PEM file of the server's CA; without it plain text")
	compression = flag.Bool("compression", false, "run everything with compressed requests, too")
)

type testCase struct {
	name string
	run  func(context.Context, pb.TestServiceClient, ...grpc.CallOption)
}

// Names and procedures: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
var cases = []testCase{
	{"empty_unary", interop.DoEmptyUnaryCall},
	{"large_unary", interop.DoLargeUnaryCall},
	{"client_streaming", interop.DoClientStreaming},
	{"server_streaming", interop.DoServerStreaming},
	{"ping_pong", interop.DoPingPong},
	{"empty_stream", interop.DoEmptyStream},
	{"custom_metadata", interop.DoCustomMetadata},
	{"status_code_and_message", interop.DoStatusCodeAndMessage},
	{"special_status_message", interop.DoSpecialStatusMessage},
	{"cancel_after_begin", interop.DoCancelAfterBegin},
	{"cancel_after_first_response", interop.DoCancelAfterFirstResponse},
	{"timeout_on_sleeping_server", interop.DoTimeoutOnSleepingServer},
}

func main() {
	flag.Parse()
	log.SetFlags(0)
	connection, err := grpc.NewClient(*address, grpc.WithTransportCredentials(transportSecurity()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	client := pb.NewTestServiceClient(connection)
	for _, each := range cases {
		each.run(ctx, client)
		passed(each.name)
	}
	interop.DoUnimplementedMethod(ctx, connection)
	passed("unimplemented_method")
	interop.DoUnimplementedService(ctx, pb.NewUnimplementedServiceClient(connection))
	passed("unimplemented_service")
	if *compression {
		runCompressed(ctx, client)
	}
}

// runCompressed repeats the cases with gzip, which a server answers in kind or not, and asks whether it noticed.
func runCompressed(ctx context.Context, client pb.TestServiceClient) {
	compressed := grpc.UseCompressor(gzip.Name)
	for _, each := range cases {
		each.run(ctx, client, compressed)
		passed(each.name + " gzip")
	}
	request := &pb.SimpleRequest{
		ResponseSize:       314159,
		Payload:            &pb.Payload{Body: make([]byte, 271828)},
		ExpectCompressed:   &pb.BoolValue{Value: true},
		ResponseCompressed: &pb.BoolValue{Value: true},
	}
	if _, err := client.UnaryCall(ctx, request); err == nil {
		log.Fatal("client_compressed_unary: the server did not notice that the request was not compressed")
	}
	response, err := client.UnaryCall(ctx, request, compressed)
	if err != nil || len(response.GetPayload().GetBody()) != 314159 {
		log.Fatalf("client_compressed_unary: %d bytes, error %v", len(response.GetPayload().GetBody()), err)
	}
	passed("client_compressed_unary")
}

func transportSecurity() credentials.TransportCredentials {
	if *caFile == "" {
		return insecure.NewCredentials()
	}
	pem, err := os.ReadFile(*caFile)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		log.Fatalf("%s has no certificate", *caFile)
	}
	return credentials.NewClientTLSFromCert(roots, "")
}

func passed(name string) {
	fmt.Println("passed", name)
}

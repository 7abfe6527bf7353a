// Prints the statuses of a build that standard input gives, one JSON object a line, as BuildKit's own printer does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
)

func main() {
	display, err := progressui.NewDisplay(os.Stdout, progressui.DisplayMode(os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	statuses := make(chan *client.SolveStatus)
	go func() {
		defer close(statuses)
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var status client.SolveStatus
			if err := json.Unmarshal(lines.Bytes(), &status); err != nil {
				log.Fatal(err)
			}
			statuses <- &status
		}
	}()
	if _, err := display.UpdateFrom(context.Background(), statuses); err != nil {
		log.Fatal(err)
	}
}

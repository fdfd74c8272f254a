// Twenty goroutines on few threads, which compute long enough to be preempted by signals, and collect garbage.
// Says the sum of what work() returned; exits 0.
package main

import (
	"fmt"
	"runtime"
	"sync"
)

//go:noinline
func work(number int) int {
	block := make([]byte, 1<<16)
	return number + len(block)
}

func main() {
	var all sync.WaitGroup
	results := make(chan int, 20)
	for number := 0; number < 20; number++ {
		all.Add(1)
		go func(number int) {
			defer all.Done()
			result := work(number)
			spun := 0
			for i := 0; i < 20000000; i++ {
				spun ^= i
			}
			runtime.GC()
			results <- result + spun - spun
		}(number)
	}
	all.Wait()
	close(results)
	sum := 0
	for result := range results {
		sum += result
	}
	fmt.Println("sum", sum)
}

// Package chaos proves what the engine promises, with a real server in a hostile world.
//
// The world is the test process: a payment channel that answers queries with anything
// from the truth to somebody else's payment and whose callbacks are lost, late, doubled,
// overtaken and forged; a merchant backend that fails, hangs and forgets to answer; payers
// who watch, claim, press the button, leave, come back and unsubscribe; carriers, a push
// service and a mail server that refuse, hang, take a message and say that they did not, and
// report late, twice, in the wrong order and falsely. The server is the real binary, built with the
// crash points of engine/crash, and is killed in the middle of what it does, again and
// again, over the same data.
//
// The world knows the truth of each order (its fate), which the server has to find out.
// When the run is over all faults stop, every order is given the time to settle, and then
// each is held against its fate: see invariants_test.go for the list, and messages_test.go
// for what payers were told.
//
//	make chaos                                     10,000 orders, 20 kills
//	go test ./server/chaos -chaos.orders=300 -chaos.kills=3 -chaos.seed=7
//
// `make mutants` breaks the server on purpose, one promise at a time, and tells which
// invariant noticed.
//
// A seed fixes every fate and every fault that is planned; how the processes interleave
// is the machine's doing, so a rerun shows the same plan and not always the same failure.
package chaos

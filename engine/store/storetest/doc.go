// Package storetest holds what every engine.Store must do, as one suite that each
// database's tests run.
package storetest

import (
	"testing"

	"anxin/engine"
)

// Run runs the suite. open returns a fresh, empty store and closes it with the test.
func Run(t *testing.T, open func(t *testing.T) engine.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, engine.Store){
		"an order comes back as it was written":                     testRoundTrip,
		"an unknown order is not found":                             testNotFound,
		"the contact changes with the order and may vanish":         testContactChanges,
		"a commit that expects another seq is refused":              testConflict,
		"of concurrent writers of one seq exactly one wins":         testOneWriterWins,
		"a refused commit writes nothing at all":                    testRefusalWritesNothing,
		"events that leave a gap are refused":                       testGapRefused,
		"many commits at once are all stored":                       testManyCommits,
		"a commit whose context has ended is not written":           testEndedContext,
		"each of many commits has its own outcome":                  testCommitEach,
		"orders are found by their numbers":                         testOrdersByNo,
		"orders are lent without their contacts":                    testViews,
		"the journal is paged in the order of receipt":              testJournal,
		"an entry stays in the journal until it is dropped":         testJournalDrop,
		"events are paged from any seq":                             testEventsPaged,
		"seqs are told of the orders that exist":                    testSeqs,
		"each filter selects":                                       testFilters,
		"an order is listed as it is, whatever event turned it":     testListedAsItIs,
		"pages cover a list once, whatever is registered meanwhile": testPages,
		"a cursor of another list is refused":                       testForeignCursor,
		"due tasks are leased earliest first, up to the limit":      testClaimOrder,
		"a lease hides a task until it ends":                        testLeaseEnds,
		"a task that is born leased is not handed out":              testBornLeased,
		"a written task replaces the one with its key":              testTaskReplaced,
		"claimers never get the same task":                          testClaimersShare,
		"a commit fenced by a lost lease is refused":                testFence,
		"a fenced commit may reschedule its own task":               testFencedReschedule,
		"a callback is stored once":                                 testCallbackOnce,
		"callbacks move through their states":                       testCallbackStates,
		"a callback's request is kept byte for byte":                testCallbackBytes,
		"a callback may be reopened":                                testCallbackReopened,
		"refused callbacks are kept as they came":                   testRejectedKept,
		"refused callbacks of a channel are bounded":                testRejectedBounded,
		"what waited long enough expires":                           testExpiry,
		"a refused callback that is readmitted is gone":             testReadmission,
		"callbacks are listed by each filter, newest first":         testRecordFilters,
		"pages of callbacks cover both tables once":                 testRecordPages,
		"a cursor of another list of callbacks is refused":          testRecordForeignCursor,
		"webhooks come lowest seq first until they end":             testWebhooks,
		"a pause replaces the one of its target":                    testPauses,
		"recalled are free tasks of a target, within bounds":        testRecall,
		"audit entries come newest first":                           testAudits,
		"a promise is settled once, by what ends it":                testPromises,
		"promises are scored by span, backend and channel":          testPromiseSummary,
		"a purchase is paid once, unless the twin is known":         testPurchase,
		"a payer's orders come newest first":                        testOrdersOfPayer,
		"the newest sighting of each order is kept":                 testSightings,
		"old sightings are swept a few at a time":                   testSightingSweep,
		"old promises are swept a few at a time":                    testPromiseSweep,
		"deliveries are logged, the newest of each webhook":         testDeliveryLog,
		"endpoints are as they were noted last":                     testEndpoints,
		"parked tasks are found by kind and target":                 testParkedTasks,
		"only webhooks accepted long ago are pruned":                testPruneWebhooks,
		"an idempotency key is taken once per order":                testKeys,
		"a case comes back as it was written, then closed":          testCaseRoundTrip,
		"each filter selects cases":                                 testCasesListed,
		"pages of cases cover the list once":                        testCasesPaged,
		"an imported file comes back as it was written":             testSettlementRoundTrip,
		"an import goes on and is never taken back":                 testSettlementGoesOn,
		"pages of rows cover a file once":                           testSettlementRowsPaged,
		"paid orders that no file names are listed":                 testUnsettledOrders,
		"a message comes back as it was written last":               testMessageRoundTrip,
		"messages are found by each filter, and pages cover them":   testMessagesListed,
		"a bound on messages holds, however many want through":      testMessageCounts,
		"an inbox counts what is unread and pages what it holds":    testInbox,
		"opt-ins and opt-outs take one another back":                testConsent,
		"a template's versions are kept, and one is in force":       testTemplates,
		"two people who change a template at once":                  testTemplateRaces,
		"old messages are swept a few at a time":                    testSweepMessages,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

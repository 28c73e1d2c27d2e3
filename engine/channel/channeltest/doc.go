// Package channeltest holds what every payment channel's adapter must do, as one suite
// that each adapter's tests run over its own [Fixture].
//
// A fixture plays the provider: it makes callbacks and answers as the provider does,
// signed by an implementation other than the adapter's, so that the two cannot agree on
// a mistake. What a provider has no word for, or cannot do, the fixture says in its
// [Provider]; what it does not say so is tested. No test is left out silently.
//
// [FuzzCallback], [FuzzSigned] and [FuzzAnswer] are the bodies of an adapter's fuzz tests.
package channeltest

import "testing"

// Run runs the suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	p := f.Provider()
	for name, test := range map[string]func(*testing.T, house){
		"the fixture tells of everything":                      testComplete,
		"the policy is what the provider demands":              testPolicy,
		"good credentials are found to be good":                testInspect,
		"every word of the callbacks is understood":            testNotified,
		"a callback verifies in many goroutines at once":       testConcurrent,
		"a callback of a kind that tells nothing is taken":     testUnrelated,
		"a redelivery has the same dedupe key":                 testRedelivery,
		"another amount is told and not judged":                testOtherAmount,
		"another merchant is told and not judged":              testOtherMerchant,
		"no flipped byte passes":                               testFlipped,
		"a header that is missing or there twice is refused":   testHeaders,
		"another key's signature is refused":                   testWrongKey,
		"a probe of the signature is refused":                  testProbe,
		"age is judged by the time of receipt":                 testFreshness,
		"any age waives nothing but the age":                   testAnyAge,
		"a field that is there twice is refused":               testRepeatedField,
		"what is no callback is refused":                       testNonsense,
		"acknowledgements are what the provider demands":       testAcknowledge,
		"what the account cannot do is said to be unsupported": testUnsupported,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, house{f, p})
		})
	}
	if p.lacks("query") {
		return // testUnsupported holds it to that
	}
	for name, test := range map[string]func(*testing.T, house){
		"every word of the answers is understood":            testAnswered,
		"no answer about another order passes":               testOtherOrder,
		"an answer with another amount is told":              testAnswerOtherAmount,
		"an answer that the provider did not sign is none":   testAnswerSignature,
		"an answer that cannot be read is none":              testAnswerNonsense,
		"not found is final only once the order expired":     testNotFound,
		"refusals are permanent, and what is not, is not":    testRefusals,
		"HTTP's refusals are read":                           testStatuses,
		"a redirect is not followed":                         testRedirect,
		"a gateway that does not answer is a timeout":        testTimeout,
		"a gateway that is not there is told":                testNoGateway,
		"refunds are asked about":                            testRefundUnknown,
		"close tells who won the race":                       testClose,
		"a close that failed is neither closed nor paid":     testCloseFailed,
		"a question is about nothing but the order's number": testQuestions,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, house{f, p})
		})
	}
}

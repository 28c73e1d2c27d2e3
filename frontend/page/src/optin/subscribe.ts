import { options } from "../subscription";

/** Whether this browser is already sent messages. */
export function subscribed(): Promise<boolean> {
  return navigator.serviceWorker
    .getRegistration()
    .then((registration) => registration && registration.pushManager.getSubscription())
    .then(Boolean, () => false);
}

/** Asks the payer, then the browser, for an address that messages can be sent to. It is
 * rejected when either says no. */
export function subscribe(worker: string, key: string): Promise<PushSubscriptionJSON> {
  return Notification.requestPermission()
    .then(() => navigator.serviceWorker.register(worker))
    .then(() => navigator.serviceWorker.ready)
    .then(({ pushManager }) => {
      return pushManager.subscribe(options(key)).catch((refused) =>
        // One with another key stands in the way, from before the server's was changed.
        pushManager.getSubscription().then((old) => {
          if (!old) {
            throw refused;
          }
          return old.unsubscribe().then(() => pushManager.subscribe(options(key)));
        }),
      );
    })
    .then((subscription) => subscription.toJSON());
}

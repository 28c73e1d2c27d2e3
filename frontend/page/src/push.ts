/** Whether the browser can be asked to show messages of this page. In a frame it asks
 * nobody, and who has refused is not asked again. */
export function canPush(): boolean {
  return "PushManager" in window && "serviceWorker" in navigator && top === window && Notification.permission !== "denied";
}

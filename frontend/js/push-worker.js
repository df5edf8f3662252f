// Shows what is pushed, and opens it. One that comes a second time takes the place of the first by its tag.
self.addEventListener("push", (event) => {
  const told = event.data?.json() ?? {};
  event.waitUntil(
    self.registration.showNotification(told.title ?? "", { body: told.body ?? "", tag: told.tag, icon: "/static/favicon.svg", data: { url: told.url ?? "/notices" } }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url, self.location.origin);
  if (url.origin !== self.location.origin) return;
  event.waitUntil(self.clients.openWindow(url.href));
});
